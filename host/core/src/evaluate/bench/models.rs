//! Random models of the benchmarks' shape: 8 layers of 512, as in `tests/peers/shapes.json`.

use scaledown_sdk::component::{Compressor, CompressorContext, Generator, GeneratorContext};
use scaledown_sdk::nn::{LoraConfig, ParamOptions, Params};
use scaledown_sdk::tensor::uniform_bits;
use scaledown_sdk::{DType, Device};
use serde_json::{Value, json};

use crate::model::sequence::Sequence;
use crate::plugins::Component;
use crate::plugins::registry;
use crate::{Error, Result};

pub(super) const VOCABULARY: u32 = 4096;
pub(super) const MEMORY_TOKENS: usize = 8;
pub(super) const SEPARATOR: u32 = 3;
const HIDDEN: usize = 512;
pub(super) const COMPRESSOR_LAYERS: usize = 4;

/// A generator, a compressor of it, and their parameters.
pub(super) struct Models {
    pub(super) generator: Box<dyn Generator>,
    pub(super) generator_params: Params,
    pub(super) compressor: Box<dyn Compressor>,
    pub(super) compressor_params: Params,
}

impl Models {
    /// Random models; the generator has an adapter if `training`, and its weights are stored as
    /// `quantization` says.
    pub(super) fn new(device: &Device, training: bool, quantization: Option<&str>) -> Result<Self> {
        let config = generator_config();
        let options = |trainable, lora| ParamOptions {
            device: device.clone(),
            dtype: DType::F32,
            trainable,
            seed: 1,
            lora,
            quantization: None,
        };
        let directory = tempfile::tempdir().map_err(|error| Error::io(std::env::temp_dir(), error))?;
        let path = directory.path().join("config.json");
        std::fs::write(&path, config.to_string()).map_err(|error| Error::io(&path, error))?;
        let generator_params = Params::random(options(false, training.then(LoraConfig::default)));
        let context = GeneratorContext { params: generator_params.clone(), directory: directory.path().to_owned() };
        let mut component = Component::new("mistral");
        component.options.extend(quantization.map(|quantization| ("quantization".to_owned(), quantization.into())));
        let generator = registry::generator(&component, context)?;
        let compressor_params = Params::random(options(true, None));
        let mut component = Component::new("n-layers");
        component.options.insert("layers".into(), COMPRESSOR_LAYERS.into());
        let context = CompressorContext {
            params: compressor_params.clone(),
            generator: config,
            generator_weights: None,
            generator_params: None,
            hidden_size: HIDDEN,
            memory_tokens: MEMORY_TOKENS,
            relevance: true,
        };
        let compressor = registry::compressor(&component, context)?;
        Ok(Models { generator, generator_params, compressor, compressor_params })
    }
}

pub(super) fn generator_config() -> Value {
    json!({
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "hidden_size": HIDDEN,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "intermediate_size": 1536,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "sliding_window": null,
        "tie_word_embeddings": false,
    })
}

/// `count` seeded token ids.
pub(super) fn tokens(seed: u64, count: usize) -> Vec<u32> {
    (0..count as u64).map(|i| 4 + uniform_bits(seed, i) % (VOCABULARY - 4)).collect()
}

/// A prompt of documents with separators between them, each in its vectors or in its own tokens,
/// and a tail of tokens.
pub(super) fn prompt(first_pair: usize, documents: &[Option<Vec<u32>>], tail: &[u32]) -> Sequence {
    let mut sequence = Sequence::default();
    for (i, document) in documents.iter().enumerate() {
        if i > 0 {
            sequence.extend(&[SEPARATOR], 0.0);
        }
        match document {
            Some(ids) => sequence.extend(ids, 0.0),
            None => sequence.extend_vectors(first_pair + i, MEMORY_TOKENS),
        }
    }
    sequence.extend(tail, 0.0);
    sequence
}
