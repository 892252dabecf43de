//! A model with quantised weights beside the model that it was made of.

mod support;

use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::{Forward, LoraConfig, ParamOptions, Params, Quantization};
use scaledown_sdk::{DType, Tensor};
use serde_json::{Value, json};
use support::{batch, options, tokens};

/// A decoder whose rows are whole blocks, but for those that the second half of the MLP reads.
fn config(intermediate: usize) -> Value {
    json!({
        "architectures": ["MistralForCausalLM"], "vocab_size": support::VOCABULARY, "hidden_size": 64, "intermediate_size": intermediate,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "hidden_act": "silu",
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false, "eos_token_id": 2,
    })
}

struct Model {
    model: CausalLm,
    params: Params,
}

fn model(config: &Value, quantization: Option<Quantization>, lora: Option<LoraConfig>) -> Model {
    let device = scaledown_cpu::device().unwrap();
    let params = Params::random(ParamOptions { quantization, trainable: false, ..options(&device, lora) });
    let model = CausalLm::new(DecoderConfig::from_json(config).unwrap(), &params).unwrap();
    Model { model, params }
}

impl Model {
    fn hidden(&self) -> Tensor {
        let input = batch(self.params.device(), &[tokens(1, 12), tokens(2, 9)], false);
        let embeddings = self.model.embed(&input.ids).unwrap();
        self.model.forward(&embeddings, &input.spans(), &mut Forward::inference()).unwrap()
    }

    fn logits(&self) -> Vec<f32> {
        self.model.logits(&self.hidden()).unwrap().to_vec().unwrap()
    }

    fn bytes(&self) -> usize {
        self.params.all().iter().map(|param| param.tensor().spec().bytes()).sum()
    }

    fn dtype(&self, name: &str) -> DType {
        self.params.all().iter().find(|param| param.name() == name).unwrap().tensor().dtype()
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn logits_are_close_to_those_of_f32() {
    let exact = model(&config(96), None, None).logits();
    for (quantization, least) in [(Quantization::Q8_0, 0.999), (Quantization::Q4_0, 0.97)] {
        let found = cosine(&model(&config(96), Some(quantization), None).logits(), &exact);
        assert!(found > least && found < 1.0 - 1e-9, "{quantization:?}: {found}");
    }
}

#[test]
fn memory_is_that_of_the_blocks() {
    let (hidden, inner, vocabulary) = (64, 96, support::VOCABULARY as usize);
    // Queries, keys, values and output; gate, up and down; and the head.
    let linear = 2 * (hidden * (64 + 32 + 32 + 64) + 3 * hidden * inner) + vocabulary * hidden;
    let rest = 4 * (vocabulary * hidden + 5 * hidden);
    for (quantization, size) in [(None, 4 * 32), (Some(Quantization::Q8_0), 34), (Some(Quantization::Q4_0), 18)] {
        let model = model(&config(inner), quantization, None);
        assert_eq!(model.bytes(), linear / 32 * size + rest);
        assert!(model.params.device().memory().live >= model.bytes() as u64);
        assert!(model.params.device().memory().live < model.bytes() as u64 + 10_000, "{:?}", model.params.device().memory());
    }
}

#[test]
fn rows_of_broken_blocks_and_what_is_no_linear_map_stay() {
    let model = model(&config(40), Some(Quantization::Q4_0), None);
    assert_eq!(model.dtype("model.layers.0.mlp.down_proj.weight"), DType::F32);
    assert_eq!(model.dtype("model.layers.0.mlp.up_proj.weight"), DType::Q4_0);
    assert_eq!(model.dtype("lm_head.weight"), DType::Q4_0);
    assert_eq!(model.dtype("model.embed_tokens.weight"), DType::F32);
    assert_eq!(model.dtype("model.norm.weight"), DType::F32);
    assert!(model.logits().iter().all(|logit| logit.is_finite()));
}

#[test]
fn what_trains_is_not_quantised() {
    let device = scaledown_cpu::device().unwrap();
    let params = Params::random(ParamOptions { quantization: Some(Quantization::Q8_0), ..options(&device, None) });
    CausalLm::new(DecoderConfig::from_json(&config(96)).unwrap(), &params).unwrap();
    assert!(params.all().iter().all(|param| param.tensor().dtype() == DType::F32));
}

#[test]
fn adapters_train_beside_quantised_weights_and_are_not_merged_into_them() {
    let adapted = model(&config(96), Some(Quantization::Q8_0), Some(LoraConfig::default()));
    let trainable = adapted.params.trainable();
    assert!(!trainable.is_empty() && trainable.iter().all(|param| param.tensor().dtype() == DType::F32));
    for param in trainable.iter().filter(|param| param.name().contains("lora_B")) {
        param.set(&param.tensor().detach().affine(0.0, 0.05).unwrap()).unwrap();
    }
    let first = "model.layers.0.self_attn.q_proj.lora_A.weight";
    let first = trainable.iter().find(|param| param.name() == first).unwrap();
    let gradients = adapted.hidden().reshape([2 * 12 * 64]).unwrap().sum([0], false).unwrap().backward().unwrap();
    let gradient = gradients.get(&first.tensor()).unwrap().to_vec::<f32>().unwrap();
    assert!(gradient.iter().any(|x| x.abs() > 1e-6));
    let before = adapted.logits();
    adapted.model.merge_adapters().unwrap();
    assert_eq!(adapted.logits(), before);
}
