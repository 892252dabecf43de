//! Tiny decoders with random weights.

#![allow(dead_code, reason = "each test binary uses some of these")]

use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::{LoraConfig, ParamOptions, Params, Span};
use scaledown_sdk::{DType, Device, Tensor};
use serde_json::{Value, json};

pub(crate) const VOCABULARY: u32 = 29;

/// A Mistral of two layers with grouped queries and a window of 5 tokens.
pub(crate) fn mistral() -> Value {
    json!({
        "architectures": ["MistralForCausalLM"], "vocab_size": VOCABULARY, "hidden_size": 24, "intermediate_size": 40,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "hidden_act": "silu",
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "sliding_window": 5, "tie_word_embeddings": false, "eos_token_id": 2,
    })
}

/// A Qwen2 of three layers, the last of them with a window, tied embeddings.
pub(crate) fn qwen2() -> Value {
    json!({
        "architectures": ["Qwen2ForCausalLM"], "vocab_size": VOCABULARY, "hidden_size": 24, "intermediate_size": 40,
        "num_hidden_layers": 3, "num_attention_heads": 3, "num_key_value_heads": 1, "hidden_act": "silu",
        "use_sliding_window": true, "sliding_window": 4, "max_window_layers": 2, "tie_word_embeddings": true,
        "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"},
    })
}

/// A Llama 3 with its rope scaling.
pub(crate) fn llama3() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 40,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "attention_bias": true, "mlp_bias": true,
        "rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 16},
    })
}

pub(crate) fn options(device: &Device, lora: Option<LoraConfig>) -> ParamOptions {
    ParamOptions { device: device.clone(), dtype: DType::F32, trainable: true, seed: 5, lora, quantization: None }
}

pub(crate) fn params(lora: Option<LoraConfig>) -> Params {
    Params::random(options(&scaledown_cpu::device().unwrap(), lora))
}

pub(crate) fn model(config: &Value, params: &Params) -> CausalLm {
    let model = CausalLm::new(DecoderConfig::from_json(config).unwrap(), params).unwrap();
    // Weights of the usual size make a tiny model nearly linear; larger ones let a mistake show.
    for param in params.all() {
        let value = param.tensor().detach();
        if value.shape().rank() == 2 && !param.name().contains("lora") {
            param.set(&value.affine(12.0, 0.0).unwrap()).unwrap();
        }
    }
    model
}

/// Token ids that differ from place to place.
pub(crate) fn tokens(seed: u32, count: usize) -> Vec<u32> {
    (0..count as u32).map(|i| (seed * 17 + i * i * 5 + i * 3 + 1) % VOCABULARY).collect()
}

pub(crate) struct Batch {
    pub(crate) ids: Tensor,
    pub(crate) mask: Vec<Vec<bool>>,
}

impl Batch {
    pub(crate) fn spans(&self) -> Vec<Span> {
        Span::of_masks(&self.mask).expect("padding on one side")
    }
}

/// Sequences padded with id 0 on the left or right.
pub(crate) fn batch(device: &Device, sequences: &[Vec<u32>], left: bool) -> Batch {
    let len = sequences.iter().map(Vec::len).max().unwrap_or(0);
    let padded = |sequence: &Vec<u32>| {
        let padding = vec![0; len - sequence.len()];
        if left { [padding, sequence.clone()].concat() } else { [sequence.clone(), padding].concat() }
    };
    let mask =
        |sequence: &Vec<u32>| (0..len).map(|at| if left { at >= len - sequence.len() } else { at < sequence.len() }).collect();
    let ids: Vec<u32> = sequences.iter().flat_map(padded).collect();
    let ids = device.from_slice(&ids, [sequences.len(), len]).unwrap();
    Batch { ids, mask: sequences.iter().map(mask).collect() }
}

/// Compares element by element; the tolerance is relative to the greatest element, or to 1 if that
/// is less.
pub(crate) fn assert_close(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    let tolerance = tolerance * a.iter().fold(1.0_f32, |greatest, x| greatest.max(x.abs()));
    let worst = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "differ by {worst}");
    assert!(a.iter().any(|x| x.abs() > 1e-3), "nothing but zeros was compared");
}
