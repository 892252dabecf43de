//! `scaledown inspect model`: architecture, parameters and memory.

use std::fmt;
use std::path::Path;

use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_sdk::nn::bert::BertConfig;
use scaledown_sdk::nn::deberta::DebertaConfig;
use scaledown_sdk::nn::decoder::DecoderConfig;
use scaledown_sdk::nn::modernbert::ModernBertConfig;
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{JsonKeys, WeightSource};
use serde::Serialize;
use serde_json::Value;

use super::architecture::Architecture;
use crate::{Error, Result};

/// The contents of a model directory. Weights are not read, only the headers of their files.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelSummary {
    /// The architecture's name, `MistralForCausalLM`.
    pub architecture: String,
    /// Whether it is a decoder or an encoder.
    pub kind: ModelKind,
    /// The number of layers.
    pub layers: usize,
    /// The size of an embedding.
    pub hidden: usize,
    /// The number of token ids.
    pub vocabulary: usize,
    /// The number of stored weights.
    pub parameters: u64,
    /// The size of the stored weights in bytes.
    pub stored_bytes: u64,
    /// The size of the weights in f32, in bytes.
    pub f32_bytes: u64,
    /// The size of the weights in bf16, in bytes.
    pub bf16_bytes: u64,
    /// Keys and values of one token in bf16, in bytes; decoders only.
    pub cache_bytes_per_token: Option<u64>,
}

/// The kind of model that a `config.json` describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// A causal language model.
    Decoder,
    /// A bidirectional encoder.
    ModernBertModel,
}

impl ModelSummary {
    /// Describes the model in `directory`.
    ///
    /// # Errors
    /// If its architecture is not supported or its weights cannot be opened.
    pub fn of_directory(directory: &Path) -> Result<Self> {
        let config = read_config(directory)?;
        let path = directory.join("config.json");
        let path_shown = path.display().to_string();
        let (layers, hidden, vocabulary, cache) = match Architecture::of(&config, &path)? {
            Architecture::Decoder => {
                let shape = DecoderConfig::from_directory(directory)?;
                // Keys and values, two bytes each.
                let cache = 2 * 2 * shape.layers * shape.kv_heads * shape.head_size;
                (shape.layers, shape.hidden, shape.vocabulary, Some(cache as u64))
            }
            Architecture::ModernBert | Architecture::ModernBertMaskedLm => {
                let shape = ModernBertConfig::from_directory(directory)?;
                (shape.layers.len(), shape.hidden_size, shape.vocab_size, None)
            }
            Architecture::BertMaskedLm | Architecture::BertClassifier => {
                let shape = BertConfig::from_keys(&JsonKeys::new(&config, &path_shown)?)?;
                (shape.layers, shape.hidden_size, shape.vocab_size, None)
            }
            Architecture::DebertaClassifier => {
                let shape = DebertaConfig::from_keys(&JsonKeys::new(&config, &path_shown)?)?;
                (shape.layers, shape.hidden_size, shape.vocab_size, None)
            }
        };
        let weights = DirectoryWeights::open(directory)?;
        let specs: Vec<_> = weights.names().iter().filter_map(|name| weights.spec(name)).collect();
        let parameters = specs.iter().map(|spec| spec.shape.count() as u64).sum();
        Ok(ModelSummary {
            architecture: config["architectures"][0].as_str().or(config["model_type"].as_str()).unwrap_or_default().to_owned(),
            kind: if cache.is_some() { ModelKind::Decoder } else { ModelKind::ModernBertModel },
            layers,
            hidden,
            vocabulary,
            parameters,
            stored_bytes: specs.iter().map(|spec| spec.bytes() as u64).sum(),
            f32_bytes: 4 * parameters,
            bf16_bytes: 2 * parameters,
            cache_bytes_per_token: cache,
        })
    }
}

impl fmt::Display for ModelSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(f, "architecture  {}", self.architecture)?;
        writeln!(f, "layers        {} of size {}", self.layers, self.hidden)?;
        writeln!(f, "vocabulary    {}", self.vocabulary)?;
        writeln!(f, "parameters    {:.3} million", self.parameters as f64 / 1e6)?;
        let (f32, bf16) = (mebibytes(self.f32_bytes), mebibytes(self.bf16_bytes));
        write!(f, "memory        {f32:.1} MiB in f32, {bf16:.1} MiB in bf16 ({:.1} MiB stored)", mebibytes(self.stored_bytes))?;
        match self.cache_bytes_per_token {
            Some(bytes) => write!(f, "\nKV cache      {:.1} KiB a token in bf16", bytes as f64 / 1024.0),
            None => Ok(()),
        }
    }
}

/// The contents of `config.json`.
pub(super) fn read_config(directory: &Path) -> Result<Value> {
    let path = directory.join("config.json");
    let bytes = read_bytes(&path, FileKind::ModelConfiguration).map_err(|error| Error::io(&path, error))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::line(&path, error.line(), error.to_string()))
}
