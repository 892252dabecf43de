//! A tiny generator with random weights, for compressors to be made for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scaledown_sdk::nn::decoder::{CausalLm, DecoderConfig};
use scaledown_sdk::nn::safetensors::write_safetensors;
use scaledown_sdk::nn::{ParamOptions, Params, WeightSource};
use scaledown_sdk::{DType, Device, Error, Result};
use serde_json::{Value, json};

/// The number of token ids.
pub(crate) const VOCABULARY: u32 = 48;
/// The size of an embedding.
pub(crate) const HIDDEN: usize = 32;

/// Its `config.json`: a Llama of four layers.
pub(crate) fn config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": HIDDEN,
        "intermediate_size": 40, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu",
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 256, "tie_word_embeddings": false,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    })
}

/// Its weights.
pub(crate) fn weights(device: &Device) -> Result<Arc<dyn WeightSource>> {
    let params = Params::random(options(device, 7));
    CausalLm::new(DecoderConfig::from_json(&config())?, &params)?;
    let stored = params.all().into_iter().map(|param| Ok((param.name().to_owned(), param.tensor().to_data()?)));
    Ok(Arc::new(stored.collect::<Result<BTreeMap<_, _>>>()?))
}

/// The generator as a model's directory, in `scratch`.
pub(crate) fn directory(device: &Device, scratch: &Path) -> Result<PathBuf> {
    let directory = scratch.join("tiny-generator");
    let file = directory.join("config.json");
    std::fs::create_dir_all(&directory)
        .and_then(|()| std::fs::write(&file, config().to_string()))
        .map_err(|error| Error::io(&file, error))?;
    let params = Params::random(options(device, 7));
    CausalLm::new(DecoderConfig::from_json(&config())?, &params)?;
    let all = params.all();
    let tensors = all.iter().map(|param| (param.name(), param.tensor()));
    write_safetensors(directory.join("model.safetensors"), tensors, &[("format", "pt")])?;
    Ok(directory)
}

/// The parameters of the generator itself, for a compressor that shares them.
pub(crate) fn generator(device: &Device) -> Result<Params> {
    let params = Params::random(ParamOptions { trainable: false, ..options(device, 7) });
    CausalLm::new(DecoderConfig::from_json(&config())?, &params)?;
    Ok(params)
}

/// Trainable parameters in f32.
pub(crate) fn options(device: &Device, seed: u64) -> ParamOptions {
    ParamOptions { device: device.clone(), dtype: DType::F32, trainable: true, seed, lora: None, quantization: None }
}

/// Token ids that differ from place to place, of which none is special.
pub(crate) fn tokens(seed: u32, count: usize, vocabulary: u32) -> Vec<u32> {
    let room = vocabulary.saturating_sub(3).max(1);
    (0..count as u32).map(|at| 3 + (seed * 17 + at * at * 5 + at * 3 + 1) % room).map(|id| id.min(vocabulary - 1)).collect()
}
