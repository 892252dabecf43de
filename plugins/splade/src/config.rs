//! The keys of `[retriever]` with `plugin = "splade"` that choose the encoder.

use std::path::PathBuf;

/// The configuration of the `splade` encoder.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct SpladeConfig {
    /// The masked language model's hub id or directory: `config.json`, `model.safetensors` (or
    /// shards) and `tokenizer.json`. The default is licensed under Apache 2.0; `naver/splade-v3`
    /// and its authors' other checkpoints are for non-commercial use only.
    #[serde(default = "default_model")]
    #[schemars(with = "String", extend("format" = "model"))]
    pub model: PathBuf,
    /// The branch, tag or commit of a hub id.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// Maximum tokens of a text, including special tokens. Default: the model's maximum.
    #[serde(default)]
    #[schemars(range(min = 3))]
    pub max_length: Option<usize>,
    /// Maximum tokens per batch, including padding.
    #[serde(default = "default_batch_tokens")]
    #[schemars(range(min = 1), extend("operational" = true))]
    pub batch_tokens: usize,
    /// Drops terms with weights up to this threshold.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub threshold: f32,
    /// Maximum terms per document, by weight. Default: all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub document_terms: Option<usize>,
    /// Maximum terms per query, by weight. Default: all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub query_terms: Option<usize>,
    /// Allows special tokens such as `[CLS]` as terms.
    #[serde(default)]
    pub special_terms: bool,
}

fn default_model() -> PathBuf {
    SpladeConfig::DEFAULT_MODEL.into()
}

fn default_batch_tokens() -> usize {
    4096
}

impl SpladeConfig {
    /// The model that is used where none is named: of those under a permissive licence the one
    /// whose authors report the best retrieval.
    pub const DEFAULT_MODEL: &str = "opensearch-project/opensearch-neural-sparse-encoding-v2-distill";
}
