//! Models of known shapes with random weights.

use scaledown_sdk::nn::decoder::{CausalLm, Decoder, DecoderConfig};
use scaledown_sdk::nn::{LoraConfig, ParamOptions, Params};
use scaledown_sdk::{DType, Device, Result};
use serde_json::{Value, json};

/// The shapes that are measured.
pub(crate) fn shapes(tiny: bool) -> Vec<(&'static str, Value)> {
    let shape = |hidden: usize, inner: usize, layers: usize, heads: usize, vocabulary: usize| {
        json!({
            "architectures": ["MistralForCausalLM"], "vocab_size": vocabulary, "hidden_size": hidden, "intermediate_size": inner,
            "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": (heads / 4).max(1), "hidden_act": "silu",
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false,
        })
    };
    match tiny {
        true => vec![("tiny", shape(64, 96, 3, 4, 128))],
        // Llama-3.2-1B but for its table, and Mistral-7B.
        false => vec![("1B", shape(2048, 8192, 16, 32, 32_000)), ("7B", shape(4096, 14_336, 32, 32, 32_000))],
    }
}

fn options(device: &Device, trainable: bool, lora: Option<LoraConfig>) -> ParamOptions {
    ParamOptions { device: device.clone(), dtype: DType::BF16, trainable, seed: 1, lora, quantization: None }
}

/// A language model, with an adapter if there is to be one; it alone trains.
pub(crate) fn language_model(device: &Device, shape: &Value, lora: Option<LoraConfig>) -> Result<(CausalLm, Params)> {
    let params = Params::random(options(device, false, lora));
    let model = CausalLm::new(DecoderConfig::from_json(shape)?, &params)?;
    params.finish()?;
    Ok((model, params))
}

/// The first layers of a model, all of whose parameters train.
pub(crate) fn compressor(device: &Device, shape: &Value, layers: usize) -> Result<(Decoder, Params)> {
    let params = Params::random(options(device, true, None));
    let decoder = Decoder::first_layers(&DecoderConfig::from_json(shape)?, &params.pp("model"), layers, false)?;
    params.finish()?;
    Ok((decoder, params))
}
