//! The keys of `[reranker]` with `plugin = "deberta"`.

use std::path::PathBuf;

/// The configuration of the `deberta` reranker.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrossEncoderConfig {
    /// The cross-encoder's hub id or directory: `config.json`, `model.safetensors` (or shards) and
    /// `tokenizer.json`.
    #[schemars(with = "String", extend("format" = "model"))]
    pub model: PathBuf,
    /// The branch, tag or commit of a hub id.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// Maximum tokens of a pair, including special tokens. Truncates the document, never the query.
    /// Default: the model's maximum.
    #[serde(default)]
    #[schemars(range(min = 4))]
    pub max_length: Option<usize>,
    /// Maximum tokens per batch, including padding.
    #[serde(default = "default_batch_tokens")]
    #[schemars(range(min = 1), extend("operational" = true))]
    pub batch_tokens: usize,
}

fn default_batch_tokens() -> usize {
    4096
}
