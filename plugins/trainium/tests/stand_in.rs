//! The device `trainium` on a stand-in for Neuron's plugin: XLA's plugin for the CPU behind
//! Neuron's name, which refuses what Neuron's is known to refuse. It proves what is said to the
//! plugin, and nothing about a Trainium.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scaledown_conformance::device;
use scaledown_sdk::{DType, Device};
use scaledown_trainium::neuron::{NeuronEnvironment, TrainiumConfig, open};

/// The test that runs in a process of its own, since the plugin reads its environment when it is
/// loaded.
const CHILD: &str = "SCALEDOWN_TEST_STAND_IN";

/// A virtual environment with a plugin of this version and a compiler that is never called.
fn environment(root: &Path, version: &str) -> PathBuf {
    let packages = root.join("lib/python3.11/site-packages");
    let (plugin, bin) = (packages.join("libneuronxla"), root.join("bin"));
    for directory in [&plugin, &bin, &packages.join(format!("libneuronxla-{version}.dist-info"))] {
        std::fs::create_dir_all(directory).expect("a directory");
    }
    let header = common::library().with_file_name("include");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stand_in/libneuronpjrt.c");
    let library = plugin.join("libneuronpjrt.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-I"]).arg(header).arg(source).arg("-o").arg(&library).arg("-ldl");
    assert!(compiler.status().expect("a C compiler").success());
    let program = bin.join("neuronx-cc");
    std::fs::write(&program, "#!/bin/sh\nexit 1\n").expect("a file");
    assert!(Command::new("chmod").arg("+x").arg(&program).status().expect("chmod").success());
    library
}

fn run(what: &str, environment: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["child_on_the_stand_in", "--exact", "--ignored", "--nocapture"]);
    command.env(CHILD, what).env("VIRTUAL_ENV", environment).env("STAND_IN_PLUGIN", common::library());
    for name in ["NEURON_INTERNAL_PJRT_C_API_VERSION", "NEURON_RT_VISIBLE_CORES"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).output().expect("a process")
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches; run by the other tests"]
fn child_on_the_stand_in() {
    let Ok(what) = std::env::var(CHILD) else { return };
    let cache = std::env::temp_dir().join(format!("scaledown-stand-in-{}", std::process::id()));
    let config = TrainiumConfig { cache: Some(cache.clone()), warn_above: usize::MAX, ..TrainiumConfig::default() };
    let backend = match open(&config, &NeuronEnvironment::of_this_process()) {
        Ok(backend) => backend,
        Err(error) => {
            println!("refused: {error}");
            return;
        }
    };
    let device = Device::new(backend);
    println!("core {:?}", std::env::var("NEURON_RT_VISIBLE_CORES"));
    println!("{:?}", device.info());
    let far = device.from_slice(&[1_i64 << 40], [1]).expect_err("it does not fit").to_string();
    println!("far: {far}");
    println!("f64: {}", device.zeros(DType::F64, [1]).expect_err("there is no f64"));
    let ids = device.from_slice(&[2_i64, -3, i64::from(i32::MIN)], [3]).expect("integers");
    assert_eq!(ids.to_vec::<i64>().expect("integers"), [2, -3, i64::from(i32::MIN)], "integers come back as they were");
    assert_eq!(ids.add(&ids).and_then(|sum| sum.to_vec::<i64>()).expect("integers")[..2], [4, -6]);
    if what == "suite" {
        let report = device::check("the stand-in for Neuron", &device);
        assert!(report.passed(), "{report}");
    }
    drop(device);
    let _ = std::fs::remove_dir_all(cache);
    println!("passed");
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn the_stand_in_is_found_loaded_and_told_what_neuron_wants() {
    let root = tempfile::tempdir().expect("a directory");
    environment(root.path(), "3.0.1234+abc");
    let found = printed(&run("few", root.path(), &[]));
    assert!(found.contains("passed"), "{found}");
    assert!(found.contains("core Ok(\"0\")") && found.contains("platform neuron"), "{found}");
    assert!(found.contains("far: ") && found.contains("holds 1099511627776; the integers of trainium have 32 bits"), "{found}");
    assert!(found.contains("f64: trainium could not run fill: the device has no f64"), "{found}");
    let refused = printed(&run("few", root.path(), &[("STAND_IN_NO_DEVICE", "1")]));
    let expected = "no device was found. There is no /dev/neuron0: this is no instance with a Trainium, or its driver is missing: sudo apt-get";
    assert!(refused.contains(expected), "{refused}");
    let kept = printed(&run("few", root.path(), &[("NEURON_RT_VISIBLE_CORES", "3")]));
    assert!(kept.contains("core Ok(\"3\")"), "what the user sets stays: {kept}");
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn an_old_plugin_is_refused_before_it_is_loaded() {
    let root = tempfile::tempdir().expect("a directory");
    environment(root.path(), "2.2.8201");
    let refused = printed(&run("few", root.path(), &[]));
    assert!(refused.contains("libneuronxla 2.2.8201") && refused.contains("needs Python inside the process"), "{refused}");
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn the_suite_passes_as_neuron_would_be_spoken_to() {
    let root = tempfile::tempdir().expect("a directory");
    environment(root.path(), "3.0");
    let options = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true";
    let found = printed(&run("suite", root.path(), &[("XLA_FLAGS", options)]));
    assert!(found.contains("passed"), "{found}");
}
