//! One compressor source, built natively and as a WASM component, trains to the same bits; and a
//! component that misbehaves is an error.
//!
//! `fixtures/attention-pool.wasm` is the component of `examples/wasm-compressor`. Where the target
//! `wasm32-unknown-unknown` is installed, the component is built afresh as well; with
//! `SCALEDOWN_WRITE_FIXTURES=1` it replaces the fixture.
//!
//! A component brings its own copy of the sdk's layers: their initialisation and instructions are
//! those of its build. A change there makes the fixture older than the native build that it is
//! compared with, and it must be written again.

use std::path::PathBuf;

use scaledown_sdk::component::{Compressor, CompressorContext, Factory, Kind, PairBatch, registrations};
use scaledown_sdk::nn::{ForwardMode, ParamOptions, Params, Widths};
use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{DType, Device, Error, Tensor};
use scaledown_tests::{component, parity, plugins};
use scaledown_wasm::{Plugin, WasmCompressor};
use serde_json::{Value, json};

// Linked for its registration.
use scaledown_example_wasm_compressor as _;

const PACKAGE: &str = "scaledown-example-wasm-compressor";

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/attention-pool.wasm")
}

fn prebuilt() -> Plugin {
    plugins::load("attention-pool", &fixture()).unwrap()
}

/// The device to test on: a plugin's, or the reference.
fn device() -> Device {
    parity::devices().pop().unwrap()
}

fn context() -> CompressorContext {
    let options = ParamOptions { device: device(), dtype: DType::F32, trainable: true, seed: 11, lora: None, quantization: None };
    CompressorContext {
        params: Params::random(options),
        generator: json!({"vocab_size": 50}),
        generator_weights: None,
        generator_params: None,
        hidden_size: 24,
        memory_tokens: 4,
        relevance: true,
    }
}

fn keys() -> Value {
    json!({"size": 16, "dropout": 0.2})
}

fn batch() -> PairBatch {
    PairBatch {
        ids: vec![vec![5, 6, 7, 8, 9], vec![49, 3], vec![21, 20, 5]],
        memory_tokens: 4,
        relevance: true,
        widths: Widths::default(),
    }
}

/// Squared distances to fixed targets.
fn loss(compressor: &dyn Compressor, seed: u64, checkpointing: bool) -> Tensor {
    let compressed = compressor.compress(&batch(), &mut ForwardMode::training(seed, checkpointing)).unwrap();
    let distance = |x: &Tensor| {
        let target = x.device().uniform(x.shape(), 77).unwrap();
        x.sub(&target).unwrap().square().unwrap().mean_all().unwrap()
    };
    distance(&compressed.vectors).add(&distance(&compressed.relevance.unwrap())).unwrap()
}

/// The bits of a few steps of gradient descent: each step's loss, and every parameter's gradient.
fn train(compressor: &dyn Compressor, params: &Params, checkpointing: bool) -> Vec<(String, Vec<u32>)> {
    let bits = |x: &Tensor| x.to_vec::<f32>().unwrap().into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let mut record = Vec::new();
    for step in 0..3 {
        let loss = loss(compressor, step, checkpointing);
        record.push((format!("loss {step}"), bits(&loss)));
        let gradients = loss.backward().unwrap();
        for param in params.trainable() {
            let gradient = gradients.get(&param.tensor()).unwrap_or_else(|| panic!("{} has no gradient", param.name()));
            record.push((format!("gradient of {} at {step}", param.name()), bits(gradient)));
            let value = param.tensor().detach().sub(&gradient.affine(0.5, 0.0).unwrap()).unwrap();
            param.set(&value).unwrap();
        }
    }
    record
}

fn native(checkpointing: bool) -> Vec<(String, Vec<u32>)> {
    let context = context();
    let params = context.params.clone();
    let offer = registrations().find(|offer| offer.kind() == Kind::Compressor && offer.name == "attention-pool").unwrap();
    let Factory::Compressor(make) = offer.factory else { panic!("attention-pool is a compressor") };
    train(&*make(keys(), context).unwrap(), &params, checkpointing)
}

fn in_wasm(component: &Plugin, checkpointing: bool) -> Vec<(String, Vec<u32>)> {
    let context = context();
    let params = context.params.clone();
    train(&WasmCompressor::build(component, &keys(), context).unwrap(), &params, checkpointing)
}

fn assert_same_bits(component: &Plugin, hint: &str) {
    let (native, guest) = (native(false), in_wasm(component, false));
    assert_eq!(native.len(), 3 * (1 + 6), "a loss and six parameters a step");
    for (native, guest) in native.iter().zip(&guest) {
        assert_eq!(native, guest, "{hint}");
    }
    assert_eq!(native.len(), guest.len());
    // A component's checkpointed segments run again in the backward sweep, and give the same
    // gradients.
    assert_eq!(native, self::native(true), "{hint}");
    assert_eq!(native, in_wasm(component, true), "{hint}");
    assert!(native[0].1 != native[7].1 && native[7].1 != native[14].1, "the loss moves");
    assert!(native.iter().all(|(name, bits)| bits.iter().any(|&bits| bits != 0) || panic!("{name} is zero")));
}

#[test]
fn a_component_trains_to_the_bits_of_its_native_build() {
    let hint = "fixtures/attention-pool.wasm was built from other sources: write it again with SCALEDOWN_WRITE_FIXTURES=1";
    assert_same_bits(&prebuilt(), hint);
}

#[test]
fn a_component_built_now_trains_to_the_bits_of_its_native_build() {
    if !component::target_installed() {
        eprintln!("skipped: the target wasm32-unknown-unknown is not installed (rustup target add wasm32-unknown-unknown)");
        return;
    }
    let bytes = component::build(PACKAGE).unwrap();
    assert_same_bits(&plugins::compile("built now", &bytes).unwrap(), "one source, two behaviours");
    if std::env::var_os("SCALEDOWN_WRITE_FIXTURES").is_some() {
        std::fs::write(fixture(), bytes).unwrap();
    }
}

/// `fixtures/faulty.wasm`, which the binary's tests train, is the component of `faulty.wat`.
#[test]
fn the_faulty_compressor_built_now_is_the_committed_one() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let built = component::from_text(&std::fs::read_to_string(directory.join("faulty.wat")).unwrap()).unwrap();
    let path = directory.join("faulty.wasm");
    if std::env::var_os("SCALEDOWN_WRITE_FIXTURES").is_some() {
        std::fs::write(&path, &built).unwrap();
    }
    assert!(std::fs::read(&path).is_ok_and(|bytes| bytes == built), "write it again with SCALEDOWN_WRITE_FIXTURES=1");
}

#[test]
fn two_instances_share_nothing() {
    let component = prebuilt();
    let (first, second) = (context(), context());
    let (params, others) = (first.params.clone(), second.params.clone());
    let first = WasmCompressor::build(&component, &keys(), first).unwrap();
    let _second = WasmCompressor::build(&component, &keys(), second).unwrap();
    let gradients = loss(&first, 1, false).backward().unwrap();
    assert!(params.trainable().iter().all(|param| gradients.get(&param.tensor()).is_some()));
    assert!(others.trainable().iter().all(|param| gradients.get(&param.tensor()).is_none()));
}

/// Without recording, a component computes what it computes with it, and nothing has a history.
#[test]
fn recording_reaches_a_component() {
    let (component, context) = (prebuilt(), context());
    let compressor = WasmCompressor::build(&component, &keys(), context).unwrap();
    let vectors = |checkpointing| compressor.compress(&batch(), &mut ForwardMode::training(3, checkpointing)).unwrap().vectors;
    let recorded = vectors(true);
    let plain = no_grad(|| vectors(true));
    assert!(recorded.has_gradient() && !plain.has_gradient());
    assert_eq!(recorded.to_vec::<f32>().unwrap(), plain.to_vec::<f32>().unwrap());
}

/// The memory of checkpointed segments is released when their history is dropped.
#[test]
fn segments_that_will_not_run_again_are_forgotten() {
    let (component, context) = (prebuilt(), context());
    let device = context.params.device().clone();
    let compressor = WasmCompressor::build(&component, &keys(), context).unwrap();
    let step = |seed| drop(loss(&compressor, seed, true).backward().unwrap());
    step(0);
    step(1);
    let live = device.memory().live;
    (2..12).for_each(step);
    assert_eq!(device.memory().live, live, "a segment that is not forgotten keeps the spans that it captured");
}

#[test]
fn what_a_component_reports_keeps_its_kind() {
    let component = prebuilt();
    let built = |keys: Value| WasmCompressor::build(&component, &keys, context());
    let Err(Error::Config(message)) = built(json!({"sise": 16})) else { panic!("a configuration with a wrong key was used") };
    assert!(message.contains("unknown field `sise`"), "{message}");

    let compressor = built(keys()).unwrap();
    let too_many = PairBatch { memory_tokens: 5, ..batch() };
    let error = compressor.compress(&too_many, &mut ForwardMode::inference()).unwrap_err();
    assert!(matches!(error, Error::Input(_)) && error.to_string().contains("5 memory tokens"), "{error}");
    // An error that it reports leaves a component usable.
    compressor.compress(&batch(), &mut ForwardMode::inference()).unwrap();
}

/// Element types cross as numbers, the places of their names in the contract's list. Under a
/// contract with another order, they would mean something else.
#[test]
fn a_component_of_another_contract_is_refused() {
    let mut bytes = std::fs::read(fixture()).unwrap();
    let [declared, swapped] = [b"\x03f64\x03f32\x04bf16", b"\x03f32\x03f64\x04bf16"];
    let places: Vec<usize> = (0..bytes.len() - declared.len()).filter(|&at| bytes[at..].starts_with(declared)).collect();
    assert!(!places.is_empty(), "the component declares the element types");
    for at in places {
        bytes[at..at + swapped.len()].copy_from_slice(swapped);
    }
    let Err(error) = plugins::compile("another contract", &bytes) else { panic!("it was compiled") };
    assert!(matches!(error, Error::Plugin { .. }) && error.to_string().contains("expected enum case named"), "{error}");
}

/// A component whose `build` runs `body`.
fn misbehaving(body: &str) -> Error {
    let text = format!(
        r#"(module
            (import "scaledown:plugin/tensor@0.2.0" "[method]tensor.dtype" (func $dtype (param i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
            (func (export "scaledown:plugin/compression@0.2.0#describe") (result i32) unreachable)
            (func (export "scaledown:plugin/compression@0.2.0#build")
                (param i32 i32 i32 i32 i32 i32 i32) (result i32) {body})
            (func (export "scaledown:plugin/compression@0.2.0#compress")
                (param i32 i32 i32 i32 i32 i32 i32 i64) (result i32) unreachable))"#
    );
    let component = plugins::compile("misbehaving", &component::from_text(&text).unwrap()).unwrap();
    let Err(error) = WasmCompressor::build(&component, &json!({}), context()) else { panic!("it was built") };
    error
}

#[test]
fn misbehaviour_is_an_error() {
    for (body, expected) in [
        ("unreachable", "unreachable"),
        ("i32.const 12345 call $dtype", "unknown handle index 12345"),
        ("i32.const -4", "out of bounds"),
    ] {
        let error = misbehaving(body);
        assert!(matches!(error, Error::Plugin { .. }), "{body}: {error}");
        assert!(error.to_string().contains("misbehaving") && error.to_string().contains(expected), "{body}: {error}");
    }
    let Err(error) = plugins::compile("text", b"no component") else { panic!("text was compiled") };
    assert!(matches!(error, Error::Plugin { .. }), "{error}");
}
