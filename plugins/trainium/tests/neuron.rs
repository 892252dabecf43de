//! Finding Neuron's plugin and compiler, and saying what is missing; without any plugin.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use scaledown_trainium::neuron::{
    LIBRARY, NeuronEnvironment, NeuronError, PLUGIN_VARIABLE, Version, compiler, compiler_version, find,
};

fn file(path: &Path, content: &str) {
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    std::fs::write(path, content).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
}

fn environment(root: &Path, version: &str) -> PathBuf {
    let packages = root.join("lib/python3.10/site-packages");
    std::fs::create_dir_all(packages.join(format!("libneuronxla-{version}.dist-info"))).expect("a directory");
    let library = packages.join("libneuronxla").join(LIBRARY);
    file(&library, "");
    library
}

fn surroundings(root: &Path, variables: &[(&str, &Path)]) -> NeuronEnvironment {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, path)| ((*name).to_owned(), path.display().to_string())).collect();
    NeuronEnvironment { variables, opt: root.join("opt"), dev: root.join("dev") }
}

#[test]
fn the_plugin_is_looked_for_in_order() {
    let root = tempfile::tempdir().expect("a directory");
    let at = |name: &str| root.path().join(name);
    let image = environment(&at("opt/aws_neuronx_venv_pytorch_2_8"), "3.0.1");
    environment(&at("opt/aws_neuronx_venv_pytorch_2_7"), "3.0.0");
    let active = environment(&at("venv"), "3.1");
    let (named, set, printed) = (at("a").join(LIBRARY), at("b").join(LIBRARY), at("c").join(LIBRARY));
    [&named, &set, &printed].into_iter().for_each(|path| file(path, ""));
    file(&at("bin/libneuronpjrt-path"), &format!("#!/bin/sh\necho {}\n", printed.display()));
    let (bin, venv) = (at("bin"), at("venv"));
    let all = [(PLUGIN_VARIABLE, set.as_path()), ("PATH", bin.as_path()), ("VIRTUAL_ENV", venv.as_path())];
    let found = |path: Option<&Path>, variables: &[(&str, &Path)]| {
        find(path, &surroundings(root.path(), variables)).expect("a plugin").library
    };
    assert_eq!(found(Some(&named), &all), named, "plugin_path is first");
    assert_eq!(found(None, &all), set, "then the variable");
    assert_eq!(found(None, &all[1..]), printed, "then libneuronpjrt-path");
    assert_eq!(found(None, &all[2..]), active, "then the active environment");
    assert_eq!(found(None, &[]), image, "then those of AWS' images, the newest first");
}

#[test]
fn what_is_missing_is_reported_with_its_command() {
    let root = tempfile::tempdir().expect("a directory");
    let nothing = surroundings(root.path(), &[]);
    let error = find(None, &nothing).expect_err("there is none").to_string();
    assert!(
        error.contains("python3 -m pip install 'libneuronxla>=3.0' --extra-index-url https://pip.repos.neuron.amazonaws.com"),
        "{error}"
    );
    let missing = root.path().join("none.so");
    let error = find(Some(&missing), &nothing).expect_err("there is no such file").to_string();
    assert!(error.starts_with("plugin_path names ") && error.ends_with("none.so, which does not exist"), "{error}");
    environment(&root.path().join("opt/aws_neuronx_venv_a"), "2.2.8201");
    let error = find(None, &nothing).expect_err("it is too old");
    assert!(matches!(&error, NeuronError::NeedsPython { version, .. } if version.to_string() == "2.2.8201"), "{error}");
    assert!(error.to_string().contains("--upgrade 'libneuronxla>=3.0'"), "{error}");
    let runtime = NeuronError::NoRuntime { message: "libnrt.so.1: cannot open".into() }.to_string();
    assert!(runtime.contains("sudo apt-get install -y aws-neuronx-runtime-lib"), "{runtime}");
}

#[test]
fn the_compiler_is_on_path_or_beside_the_plugin() {
    let root = tempfile::tempdir().expect("a directory");
    environment(&root.path().join("opt/aws_neuronx_venv_a"), "3.0");
    let nothing = surroundings(root.path(), &[]);
    let plugin = find(None, &nothing).expect("a plugin");
    let error = compiler(&plugin, &nothing).expect_err("there is none").to_string();
    assert!(error.contains("python3 -m pip install neuronx-cc"), "{error}");
    let beside = root.path().join("opt/aws_neuronx_venv_a/bin");
    file(&beside.join("neuronx-cc"), "");
    assert_eq!(compiler(&plugin, &nothing).expect("a compiler"), Some(beside.clone()));
    let found = surroundings(root.path(), &[("PATH", &beside)]);
    assert_eq!(compiler(&plugin, &found).expect("a compiler"), None, "what is on PATH needs no more");
    assert_eq!(compiler_version(&plugin, &found), None, "no package says it");
    let package = "opt/aws_neuronx_venv_a/lib/python3.10/site-packages/neuronx_cc-2.21.18209.0+abc.dist-info";
    std::fs::create_dir_all(root.path().join(package)).expect("a directory");
    for surroundings in [&nothing, &found] {
        let version = compiler_version(&plugin, surroundings).expect("a version");
        assert_eq!(version.to_string(), "2.21.18209.0");
    }
}

#[test]
fn versions_are_numbers() {
    let version = |text: &str| Version::parse(text).expect("a version");
    assert!(version("3.0.1234+abc") > version("3.0") && version("2.10") > version("2.9"));
    assert_eq!(version("3.0.1+x").to_string(), "3.0.1");
    assert_eq!(Version::parse("abc"), None);
}
