//! A built-in compressor, built as a WASM component from the same source, trains to the same bits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use scaledown_sdk::component::{
    Compressor, CompressorContext, Factory, GeneratorContext, GeneratorInput, Kind, PairBatch, Registration, registrations,
};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{ForwardMode, LoraConfig, ParamOptions, Params, Span, WeightSource, Widths};
use scaledown_sdk::{DType, Device, Tensor, TensorData};
use scaledown_tests::{component, parity, plugins};
use serde_json::{Value, json};

// Linked for its registration.
use {scaledown_mistral as _, scaledown_n_layers as _};

const PACKAGE: &str = "scaledown-n-layers";

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/n-layers.wasm")
}

fn device() -> Device {
    parity::devices().pop().unwrap()
}

fn generator() -> Value {
    json!({
        "model_type": "mistral", "vocab_size": 60, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 128,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false, "sliding_window": null
    })
}

/// The generator's stored weights: what a native build with new parameters starts from, doubled, so
/// that one that is not copied shows.
fn weights(device: &Device) -> Arc<dyn WeightSource> {
    let params = params(device);
    let _built = built(native(), &params, None);
    let doubled = |tensor: Tensor| -> TensorData { tensor.detach().affine(2.0, 0.0).unwrap().to_data().unwrap() };
    let model = params.trainable().into_iter().filter(|param| param.name().starts_with("model."));
    let stored: BTreeMap<String, TensorData> = model.map(|param| (param.name().to_owned(), doubled(param.tensor()))).collect();
    assert!(stored.len() > 10);
    Arc::new(stored)
}

fn params(device: &Device) -> Params {
    let options =
        ParamOptions { device: device.clone(), dtype: DType::F32, trainable: true, seed: 3, lora: None, quantization: None };
    Params::random(options)
}

fn native() -> &'static Registration {
    registrations().find(|entry| entry.kind() == Kind::Compressor && entry.name == "n-layers").unwrap()
}

fn built(entry: &Registration, params: &Params, weights: Option<Arc<dyn WeightSource>>) -> Box<dyn Compressor> {
    let Factory::Compressor(make) = entry.factory else { panic!("n-layers is a compressor") };
    let context = CompressorContext {
        params: params.clone(),
        generator: generator(),
        generator_weights: weights,
        generator_params: None,
        hidden_size: 32,
        memory_tokens: 4,
        relevance: true,
    };
    let compressor = make(json!({"layers": 2, "final_norm": true}), context).unwrap();
    params.finish().unwrap();
    compressor
}

/// The bits of a few steps of gradient descent, and of an inference after them.
fn bits(
    entry: &Registration,
    device: &Device,
    weights: Option<Arc<dyn WeightSource>>,
    checkpointing: bool,
) -> Vec<(String, Vec<u32>)> {
    let params = params(device);
    let compressor = built(entry, &params, weights);
    let row = |start: u32, len: u32| (start..start + len).collect::<Vec<u32>>();
    let batch =
        PairBatch { ids: vec![row(3, 9), row(20, 4), row(40, 13)], memory_tokens: 4, relevance: true, widths: Widths::default() };
    let bits = |x: &Tensor| x.to_vec::<f32>().unwrap().into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let mut record = Vec::new();
    for step in 0..3 {
        let compressed = compressor.compress(&batch, &mut ForwardMode::training(step, checkpointing)).unwrap();
        let loss = compressed.vectors.square().unwrap().mean_all().unwrap();
        let loss = loss.add(&compressed.relevance.unwrap().square().unwrap().mean_all().unwrap()).unwrap();
        record.push((format!("loss {step}"), bits(&loss)));
        let gradients = loss.backward().unwrap();
        for param in params.trainable() {
            let gradient = gradients.get(&param.tensor()).unwrap_or_else(|| panic!("{} has no gradient", param.name()));
            record.push((format!("gradient of {} at {step}", param.name()), bits(gradient)));
            param.set(&param.tensor().detach().sub(&gradient.affine(0.05, 0.0).unwrap()).unwrap()).unwrap();
        }
    }
    let compressed = compressor.compress(&batch, &mut ForwardMode::inference()).unwrap();
    record.push(("vectors".into(), bits(&compressed.vectors)));
    record
}

fn assert_same(component: &[Registration], hint: &str) {
    let device = device();
    let weights = weights(&device);
    for (weights, checkpointing) in [(None, false), (Some(Arc::clone(&weights)), false), (Some(weights), true)] {
        let native = bits(native(), &device, weights.clone(), checkpointing);
        let guest = bits(&component[0], &device, weights, checkpointing);
        assert_eq!(native.len(), guest.len());
        for (native, guest) in native.iter().zip(&guest) {
            assert_eq!(native, guest, "{hint}");
        }
        assert_ne!(native[0].1, native[native.len() / 3].1, "the loss moves");
    }
}

#[test]
fn n_layers_in_a_component_trains_to_the_bits_of_the_built_in_one() {
    let hint = "fixtures/n-layers.wasm was built from other sources: write it again with SCALEDOWN_WRITE_FIXTURES=1";
    assert_same(&plugins::load("n-layers", &fixture()).unwrap().registrations().unwrap(), hint);
}

#[test]
fn n_layers_built_now_trains_to_the_bits_of_the_built_in_one() {
    if !component::target_installed() {
        eprintln!("skipped: the target wasm32-unknown-unknown is not installed (rustup target add wasm32-unknown-unknown)");
        return;
    }
    let bytes = component::build(PACKAGE).unwrap();
    if std::env::var_os("SCALEDOWN_WRITE_FIXTURES").is_some() {
        std::fs::write(fixture(), &bytes).unwrap();
    }
    assert_same(&plugins::compile("n-layers", &bytes).unwrap().registrations().unwrap(), "one source, two behaviours");
}

/// The bits of a generator over a stored model: logits, gradients of its adapters, and tokens that
/// it decodes.
fn generated(entry: &Registration, device: &Device) -> Vec<(String, Vec<u32>)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("parity/fixtures/llama2");
    let lora = Some(LoraConfig { r: 2, alpha: 4.0, dropout: 0.1, ..LoraConfig::default() });
    let options = ParamOptions { device: device.clone(), dtype: DType::F32, trainable: true, seed: 5, lora, quantization: None };
    let params = Params::load(options, Arc::new(DirectoryWeights::open(&directory).unwrap()));
    let Factory::Generator(make) = entry.factory else { panic!("{} is a generator", entry.name) };
    let generator = make(json!({}), GeneratorContext { params: params.clone(), directory }).unwrap();
    params.finish().unwrap();
    let bits = |x: &Tensor| x.to_vec::<f32>().unwrap().into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let ids = device.from_slice(&(0..12).map(|id| id % 7 + 3).collect::<Vec<i64>>(), [2, 6]).unwrap();
    let embeddings = generator.embed(&ids).unwrap();
    let spans = vec![Span { start: 0, len: 6 }, Span { start: 2, len: 4 }];
    let input = GeneratorInput { embeddings, spans };
    let hidden = generator.forward(&input, &mut ForwardMode::training(9, false)).unwrap();
    let logits = generator.logits(&hidden).unwrap();
    let mut record = vec![("logits".to_owned(), bits(&logits))];
    let gradients = logits.square().unwrap().mean_all().unwrap().backward().unwrap();
    for param in params.trainable() {
        let gradient = gradients.get(&param.tensor()).unwrap_or_else(|| panic!("{} has no gradient", param.name()));
        record.push((format!("gradient of {}", param.name()), bits(gradient)));
    }
    let off = params.without_adapters();
    record.push(("logits without adapters".into(), bits(&generator.forward(&input, &mut ForwardMode::inference()).unwrap())));
    drop(off);
    let (mut logits, mut state) = generator.prefill(&input, 5).unwrap();
    for step in 0..5 {
        let ids = logits.arg_max().unwrap();
        record.push((
            format!("tokens {step}"),
            ids.to_vec::<i64>().unwrap().into_iter().map(|id| u32::try_from(id).unwrap()).collect(),
        ));
        logits = generator.decode(&ids, &mut state).unwrap();
        record.push((format!("logits {step}"), bits(&logits)));
    }
    record
}

#[test]
fn a_decoder_in_a_component_gives_the_bits_and_tokens_of_the_built_in_one() {
    if !component::target_installed() {
        eprintln!("skipped: the target wasm32-unknown-unknown is not installed (rustup target add wasm32-unknown-unknown)");
        return;
    }
    let bytes = component::build("scaledown-example-decoder").unwrap();
    let component = plugins::compile("decoder", &bytes).unwrap().registrations().unwrap();
    let native = registrations().find(|entry| entry.kind() == Kind::Generator && entry.name == "mistral").unwrap();
    let device = device();
    let (native, guest) = (generated(native, &device), generated(&component[0], &device));
    assert_eq!(native.len(), guest.len());
    for (native, guest) in native.iter().zip(&guest) {
        assert_eq!(native, guest);
    }
}
