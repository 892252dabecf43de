//! A tiny decoder on the emulated card: a step of training and a decoding, beside the reference
//! device.

use scaledown_conformance::device::reference::Reference;
use scaledown_cuda_emulator::{Emulator, Options};
use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::{
    ForwardMode, LoraConfig, LoraPreset, LoraTarget, Optimizer, OptimizerConfig, ParamGroup, ParamOptions, Params, Span,
    clip_scale,
};
use scaledown_sdk::{DType, Device, Tensor};
use serde_json::json;

const VOCABULARY: u32 = 31;

fn model(device: &Device, dtype: DType, lora: Option<LoraConfig>) -> (CausalLm, Params) {
    let config = json!({
        "architectures": ["MistralForCausalLM"], "vocab_size": VOCABULARY, "hidden_size": 48, "intermediate_size": 80,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "hidden_act": "silu",
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "sliding_window": 7, "tie_word_embeddings": false,
    });
    let options = ParamOptions { device: device.clone(), dtype, trainable: lora.is_none(), seed: 3, lora, quantization: None };
    let params = Params::random(options);
    let model = CausalLm::new(DecoderConfig::from_json(&config).unwrap(), &params).unwrap();
    // Weights of the usual size make a tiny model nearly linear; larger ones let a mistake show.
    for param in params.all().into_iter().filter(|param| param.tensor().shape().rank() == 2) {
        let factor = if param.name().contains("lora_B") { 1.0 } else { 8.0 };
        param.set(&param.tensor().detach().affine(factor, 0.01).unwrap()).unwrap();
    }
    params.finish().unwrap();
    (model, params)
}

fn ids(device: &Device, rows: usize, width: usize) -> Tensor {
    let ids: Vec<i64> = (0..(rows * width) as i64).map(|i| (i * i * 5 + i * 3 + 1) % i64::from(VOCABULARY)).collect();
    device.from_slice(&ids, [rows, width]).unwrap()
}

/// The loss, the gradients' norm, and all trainable parameters after a step.
fn step(device: &Device, dtype: DType, lora: Option<LoraConfig>) -> Vec<(String, Vec<f64>)> {
    let (model, params) = model(device, dtype, lora);
    let ids = ids(device, 2, 12);
    let spans = [Span { start: 0, len: 12 }, Span { start: 0, len: 9 }];
    let embeddings = model.embed(&ids).unwrap();
    let hidden = model.forward(&embeddings, &spans, &mut ForwardMode::training(7, true)).unwrap();
    let logits = model.logits(&hidden).unwrap().reshape([24, VOCABULARY as usize]).unwrap();
    let targets: Vec<i64> = (0..24).map(|i| if i >= 21 { -1 } else { (i * 11 + 2) % i64::from(VOCABULARY) }).collect();
    let loss = logits.cross_entropy(&device.from_slice(&targets, [24]).unwrap()).unwrap().sum_all().unwrap();
    let found = loss.to_data().unwrap().to_f64();
    let gradients = loss.backward().unwrap();
    let groups = vec![ParamGroup { name: "all".into(), params: params.trainable(), lr: 1e-2 }];
    let mut optimizer = Optimizer::new(groups, OptimizerConfig::default()).unwrap();
    let norm = optimizer.gradient_norm(&gradients).unwrap().unwrap();
    let scale = clip_scale(&norm, 1.0, &[]).unwrap();
    let mut all = vec![("loss".to_owned(), found), ("norm".to_owned(), norm.to_data().unwrap().to_f64())];
    let gradient = |param: &scaledown_sdk::nn::Param| {
        let gradient = gradients.get(&param.tensor()).map(|gradient| gradient.to_data().unwrap().to_f64());
        (format!("gradient of {}", param.name()), gradient.unwrap_or_default())
    };
    all.extend(params.trainable().iter().map(gradient));
    optimizer.step(gradients, 1.0, &scale).unwrap();
    all.extend(params.trainable().iter().map(|param| (param.name().to_owned(), param.tensor().to_data().unwrap().to_f64())));
    all
}

/// The cosine of two vectors.
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let scale = (dot(a, a) * dot(b, b)).sqrt();
    if scale == 0.0 { 1.0 } else { dot(a, b) / scale }
}

/// Everything at once on memory of its own, and everything late on memory that is used again.
const OPTIONS: [Options; 2] = [
    Options { order: 0, late: false, keeps_memory: false, plain_products: true, memory: 4 << 30 },
    Options { order: 1, late: true, keeps_memory: true, plain_products: false, memory: 4 << 30 },
];

fn assert_agree(lora: Option<LoraConfig>) {
    let expected = step(&Device::new(Reference), DType::F32, lora.clone());
    for options in OPTIONS {
        let found = step(&Emulator::device(options).unwrap(), DType::F32, lora.clone());
        assert_eq!(found.len(), expected.len());
        for ((name, found), (_, expected)) in found.iter().zip(&expected) {
            assert_eq!(found.len(), expected.len(), "{name}");
            let cosine = cosine(found, expected);
            assert!(cosine >= 0.99999, "{name}: cosine {cosine}");
        }
        let relative = (found[0].1[0] / expected[0].1[0] - 1.0).abs();
        assert!(relative < 1e-4, "the loss is {relative:e} off");
    }
}

/// In bf16 every device rounds in its own places: the card must be about as near to the exact step
/// as the reference is in bf16.
fn assert_as_near(lora: LoraConfig) {
    let exact = step(&Device::new(Reference), DType::F32, Some(lora.clone()));
    let rounded = step(&Device::new(Reference), DType::BF16, Some(lora.clone()));
    for options in OPTIONS {
        let found = step(&Emulator::device(options).unwrap(), DType::BF16, Some(lora.clone()));
        for (at, (name, found)) in found.iter().enumerate() {
            let off = |values: &[f64]| 1.0 - cosine(values, &exact[at].1);
            let (ours, reference) = (off(found), off(&rounded[at].1));
            assert!(ours <= 3.0 * reference + 2e-3, "{name}: {ours:e} off the direction, the reference {reference:e}");
        }
    }
}

#[test]
fn a_step_of_all_parameters_agrees_with_the_reference() {
    assert_agree(None);
}

#[test]
fn a_step_of_adapters_agrees_with_the_reference() {
    let lora = LoraConfig { r: 4, alpha: 8.0, dropout: 0.1, target: LoraTarget::Preset(LoraPreset::AllLinear) };
    assert_agree(Some(lora.clone()));
    assert_as_near(lora);
}

#[test]
fn a_decoding_writes_what_the_whole_sequence_says() {
    for dtype in [DType::F32, DType::BF16] {
        let device = Emulator::device(Options { late: true, ..Options::default() }).unwrap();
        let (model, _params) = model(&device, dtype, None);
        let (rows, width, steps) = (2, 6, 5);
        let prompt = ids(&device, rows, width);
        let spans = vec![Span { start: 0, len: width }; rows];
        let (mut logits, mut cache) = model.prefill(&model.embed(&prompt).unwrap(), &spans, steps).unwrap();
        let mut sequence = prompt.reshape([rows, width]).unwrap();
        for step in 0..steps {
            let length = width + step;
            let spans = vec![Span { start: 0, len: length }; rows];
            let hidden = model.forward(&model.embed(&sequence).unwrap(), &spans, &mut ForwardMode::inference()).unwrap();
            let whole = model.logits(&hidden.slice(1, length - 1, 1).unwrap()).unwrap().to_data().unwrap().to_f64();
            let found = logits.to_data().unwrap().to_f64();
            let cosine = cosine(&found, &whole);
            assert!(cosine > if dtype == DType::F32 { 0.999_999 } else { 0.999 }, "step {step} in {dtype}: cosine {cosine}");
            let next = logits.arg_max().unwrap().reshape([rows, 1]).unwrap();
            sequence = Tensor::concat(&[&sequence, &next], 1).unwrap();
            if step + 1 < steps {
                logits = model.decode(&next.reshape([rows]).unwrap(), &mut cache).unwrap();
            }
        }
    }
}
