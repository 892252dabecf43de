//! The configuration of models: the generator's table and the compression lengths.

use std::borrow::Cow;
use std::path::PathBuf;

use scaledown_sdk::DType;
use scaledown_sdk::nn::LoraConfig;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::plugins::Component;
use crate::text::config::Prompt;

/// The generator: keys common to all plugins, and the plugin's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorConfig {
    /// The plugin's name. `scaledown plugin list` lists them.
    pub plugin: String,
    /// A Hugging Face hub id, a local directory with `config.json`, weights and tokenizer, or a
    /// GGUF file (`x.gguf`), whose weights stay in their blocks where these are q8_0 or q4_0.
    #[schemars(length(min = 1), extend("format" = "model"))]
    pub model: String,
    /// The branch, tag or commit of a hub id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// Where the weights come from.
    #[serde(default)]
    pub init: GeneratorInit,
    /// The element type of the weights. Default: `training.dtype`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<Precision>,
    /// The generator's LoRA adapter, trained together with the compressor. `true`, the default, is
    /// the paper's: r 16, alpha 32, dropout 0.1, all linear layers. `false` freezes the generator.
    /// `pretrain` of kind causal-lm trains the whole generator and allows no adapter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<Lora>,
    /// The plugin's own configuration.
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

impl GeneratorConfig {
    /// The adapter: that of the table, or the paper's.
    #[must_use]
    pub fn adapter(&self) -> Option<LoraConfig> {
        match &self.lora {
            None | Some(Lora::Switch(true)) => Some(LoraConfig::default()),
            Some(Lora::Switch(false)) => None,
            Some(Lora::Table(adapter)) => Some(adapter.clone()),
        }
    }

    /// The plugin with its own keys.
    #[must_use]
    pub fn component(&self) -> Component {
        Component { plugin: self.plugin.clone(), options: self.options.clone() }
    }
}

/// The generator's adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Lora {
    /// `true` for the paper's, `false` for none.
    Switch(bool),
    /// Its own.
    Table(LoraConfig),
}

impl JsonSchema for Lora {
    fn schema_name() -> Cow<'static, str> {
        "Lora".into()
    }

    fn inline_schema() -> bool {
        true
    }

    /// The table's schema, open to true and false, so that an error in the table names its own key.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = LoraConfig::json_schema(generator);
        schema.insert("type".into(), json!(["object", "boolean"]));
        schema
    }
}

/// Where a model's weights come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GeneratorInit {
    /// The model's safetensors files.
    #[default]
    Pretrained,
    /// Random, from the seed. The model's directory needs no weights.
    Random,
}

/// The lengths of the compressor's input (tokens) and output (vectors).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Compression {
    /// Memory tokens: embedding vectors per document.
    #[schemars(range(min = 1, max = 1024))]
    pub memory_tokens: usize,
    /// Gives a document one vector for so many of its tokens, the question's included where it is
    /// read, and one more, up to `memory_tokens`; if not set, each document has `memory_tokens`
    /// vectors, however short it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 32768))]
    pub tokens_per_vector: Option<usize>,
    /// A directory of documents' vectors that `scaledown compress` wrote: documents that are there
    /// are not compressed again. In a training, the generator's adapter alone learns then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "directory"))]
    pub vectors: Option<PathBuf>,
    /// Whether the compressor reads the question with each document. Without it, a document's
    /// vectors are the same for every question, and can be computed once and kept.
    pub query: bool,
    /// The most tokens of a document that are read, compressed or not; the compression rate is this
    /// over `memory_tokens`.
    #[schemars(range(min = 1, max = 32768))]
    pub document_tokens: usize,
    /// Maximum tokens of a query.
    #[schemars(range(min = 1, max = 32768))]
    pub query_tokens: usize,
}

impl Default for Compression {
    fn default() -> Self {
        Compression {
            memory_tokens: 8,
            tokens_per_vector: None,
            vectors: None,
            query: true,
            document_tokens: 128,
            query_tokens: 128,
        }
    }
}

impl Compression {
    /// The vectors of a document of which the compressor reads so many tokens.
    #[must_use]
    pub fn vectors_of(&self, tokens: usize) -> usize {
        // In a compressor that reads from left to right, the first vectors do not depend on those
        // after them.
        self.tokens_per_vector.map_or(self.memory_tokens, |rate| (tokens / rate.max(1) + 1).min(self.memory_tokens))
    }
}

/// Joint reranking: the compressor also scores each document's relevance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reranking {
    /// Trains and uses the relevance head. Records need `reranking_scores`.
    pub enabled: bool,
    /// The weight of the squared score error in the loss (lambda in the paper).
    #[schemars(range(min = 0.0))]
    pub weight: f64,
}

impl Default for Reranking {
    fn default() -> Self {
        Reranking { enabled: false, weight: 0.05 }
    }
}

/// The element type of weights and activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floats throughout.
    F32,
    /// Brain floats, with f32 master copies and moments.
    Bf16,
}

impl From<Precision> for DType {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => DType::F32,
            Precision::Bf16 => DType::BF16,
        }
    }
}

/// The configuration of a language model.
#[derive(Clone, Copy, Debug)]
pub struct ModelConfig<'a> {
    /// The generator's table.
    pub generator: &'a GeneratorConfig,
    /// The generator's prompt.
    pub prompt: &'a Prompt,
    /// The element type of the weights where the generator's table names none.
    pub dtype: Precision,
    /// The seed of weights that are not read.
    pub seed: u64,
}

/// The configuration of a compressor, beside a language model.
#[derive(Clone, Copy, Debug)]
pub struct CompressorConfig<'a> {
    /// The compressor's table.
    pub compressor: &'a Component,
    /// The lengths of the compressor's input and output.
    pub compression: &'a Compression,
    /// Whether the compressor scores documents.
    pub reranking: &'a Reranking,
    /// The element type of the weights.
    pub dtype: Precision,
    /// The seed of weights that are not read.
    pub seed: u64,
}
