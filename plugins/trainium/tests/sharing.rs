//! Memory: in-place updates by address; modules of the disk cache; sums over devices.

mod common;

use common::places::RelativeIndex;
use std::process::Command;

use scaledown_sdk::tensor::{BinaryOp, Op};
use scaledown_sdk::{DType, Device, Tensor};
use scaledown_trainium::pjrt::{Api, BufferType, Client, CompileOptions};
use scaledown_trainium::stablehlo::{ElementType, FunctionBuilder, text};
use scaledown_trainium::{PjrtConfig, open};

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn what_nobody_holds_is_overwritten() {
    let backend = common::backend();
    let places = RelativeIndex::new(backend.clone());
    let device = Device::new(places.clone());
    let ramp: Vec<f32> = (0..4096).map(|i| i as f32).collect();
    let upload = || device.from_slice(&ramp, [64, 64]).expect("a tensor");
    // A cache that grows.
    let base = upload();
    let before = places.of(&base);
    let row = device.full(DType::F32, [1, 64], -1.0).expect("a row");
    let written = base.write_slice(&row, 0, 3).expect("a tensor");
    assert_eq!(places.of(&written), before, "a slice is written in place");
    // A parameter and its moments.
    let state: Vec<Tensor> = (0..4).map(|_| upload()).collect();
    let before: Vec<usize> = state.iter().map(|x| places.of(x)).collect();
    let op = Op::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, masters: false, lr: 0.1, step: 1 };
    let one = device.full(DType::F32, [], 1.0).expect("a factor");
    let inputs = std::iter::once(one).chain(state).collect();
    let updated = Tensor::apply_owned(op, inputs).expect("a step");
    let found: Vec<usize> = updated.iter().map(|x| places.of(x)).collect();
    assert_eq!(found, [before[0], before[2], before[3]], "parameter and moments stay where they are");
    // Referenced tensors stay.
    let (kept, other) = (upload(), upload());
    let sum = Tensor::apply_owned(Op::Binary(BinaryOp::Add), vec![kept.clone(), other]).expect("a sum");
    assert_ne!(places.of(&sum[0]), places.of(&kept));
    assert_eq!(kept.to_vec::<f32>().expect("elements"), ramp);
    assert!(backend.stats().donated >= 4);
}

/// Runs in a process of its own, on the directory that the variable names.
const CACHE: &str = "SCALEDOWN_TEST_MODULES";

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches; run by the test of the cache"]
fn child_of_the_cache() {
    let Some(cache) = std::env::var_os(CACHE) else { return };
    let backend = open(PjrtConfig { cache: Some(cache.into()), ..common::config() }).expect("a device");
    let device = Device::new(backend.clone());
    let x = device.from_slice(&[1.0_f32, 2.0], [2]).expect("a tensor");
    assert_eq!(x.affine(3.0, 1.0).and_then(|y| y.to_vec::<f32>()).expect("elements"), [4.0, 7.0]);
    let gradient = x.leaf().and_then(|x| x.square()?.sum_all()?.backward()).expect("gradients");
    assert_eq!(gradient.values().next().expect("a gradient").to_vec::<f32>().expect("elements"), [2.0, 4.0]);
    let stats = backend.stats();
    println!("compiled {} loaded {}", stats.compiles, stats.loads);
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn a_second_process_compiles_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = || {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["child_of_the_cache", "--exact", "--ignored", "--nocapture"]).env(CACHE, directory.path());
        let output = command.output().expect("a process");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("compiled ")).expect("a line").to_owned();
        let mut numbers = line.split(" loaded ").map(|number| number.parse::<usize>().expect("a number"));
        (numbers.next().expect("compiles"), numbers.next().expect("loads"))
    };
    let (compiles, loads) = run();
    assert!(compiles > 0 && loads == 0, "{compiles} compiles, {loads} loads");
    assert_eq!(run(), (0, compiles), "the second process");
    // A file that was cut short is compiled again, and replaced.
    let file = std::fs::read_dir(directory.path()).expect("files").next().expect("a file").expect("a file").path();
    let bytes = std::fs::read(&file).expect("bytes");
    std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("a file");
    assert_eq!(run(), (1, compiles - 1), "after a file was damaged");
    assert_eq!(run(), (0, compiles));
}

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn devices_add_up_together() {
    let client = Client::new(Api::load(&common::library()).expect("a plugin")).expect("a client");
    let count = client.devices();
    assert!(count > 1, "the plugin has {count} devices");
    let mut builder = FunctionBuilder::default();
    let x = builder.argument(ElementType::F32, &[3]);
    let sum = builder.all_reduce(x, count);
    let program = text(&builder.finish(vec![sum], &[]));
    let options = CompileOptions { replicas: count, ..CompileOptions::default() };
    let executable = client.compile(program.as_bytes(), &options).expect("a module");
    let own = |device: usize| [device as f32 + 1.0, 10.0, 0.5].map(f32::to_le_bytes).concat();
    let buffers: Vec<_> =
        (0..count).map(|device| client.upload(device, BufferType::F32, &[3], &own(device)).expect("a buffer")).collect();
    let arguments: Vec<Vec<_>> = buffers.iter().map(|buffer| vec![buffer]).collect();
    let (outputs, running) = executable.run_together(&arguments).expect("a run");
    running.wait().expect("sums");
    let total = (1..=count).sum::<usize>() as f32;
    let expected = [total, 10.0 * count as f32, 0.5 * count as f32].map(f32::to_le_bytes).concat();
    for own in &outputs {
        assert_eq!(own[0].download(12).and_then(|download| download.wait()).expect("elements"), expected);
    }
}
