//! The keys of `[retriever]` with `plugin = "splade"` that choose the encoder.

use std::path::PathBuf;

/// The configuration of the `splade` encoder.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct SpladeConfig {
    /// The masked language model's hub id or directory: `config.json`, `model.safetensors` (or shards) and `tokenizer.json`. The default is
    /// under the Apache 2.0 licence; `naver/splade-v3` and the other checkpoints of its authors are for non-commercial use only.
    #[serde(default = "default_model")]
    #[schemars(with = "String", extend("format" = "model"))]
    pub model: PathBuf,
    /// The branch, tag or commit of a hub id, which the host follows when it finds the model's directory.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// The most tokens of a text that are read, specials included; at most what the model reads, which is the default.
    #[serde(default)]
    #[schemars(range(min = 3))]
    pub max_length: Option<usize>,
    /// The most tokens in a batch, padding included.
    #[serde(default = "default_batch_tokens")]
    #[schemars(range(min = 1), extend("operational" = true))]
    pub batch_tokens: usize,
    /// Terms of a weight up to this are left out.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub threshold: f32,
    /// The most terms of a document, those of greatest weight; all of them if not given.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub document_terms: Option<usize>,
    /// The most terms of a query, those of greatest weight; all of them if not given.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub query_terms: Option<usize>,
    /// Whether special tokens such as `[CLS]` may be terms.
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
    /// The model that is used where none is named: of those under a permissive licence the one whose authors report the best retrieval.
    pub const DEFAULT_MODEL: &str = "opensearch-project/opensearch-neural-sparse-encoding-v2-distill";
}
