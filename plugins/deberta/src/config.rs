//! The keys of `[reranker]` with `plugin = "deberta"`.

use std::path::PathBuf;

/// The configuration of the `deberta` reranker.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrossEncoderConfig {
    /// The cross-encoder's hub id or directory: `config.json`, `model.safetensors` (or shards) and `tokenizer.json`.
    #[schemars(with = "String", extend("format" = "model"))]
    pub model: PathBuf,
    /// The branch, tag or commit of a hub id, which the host follows when it finds the model's directory.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// The most tokens of a pair that are read, specials included: the document is cut, never the query. At most what the model was made
    /// for, which is the default.
    #[serde(default)]
    #[schemars(range(min = 4))]
    pub max_length: Option<usize>,
    /// The most tokens in a batch, padding included.
    #[serde(default = "default_batch_tokens")]
    #[schemars(range(min = 1), extend("operational" = true))]
    pub batch_tokens: usize,
}

fn default_batch_tokens() -> usize {
    4096
}
