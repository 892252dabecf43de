//! The keys of `[compressor]` with `plugin = "decoder"`.

use std::path::PathBuf;

/// The configuration of the `decoder` compressor.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecoderCompressorConfig {
    /// The small model's hub id or directory: `config.json`, `model.safetensors` (or shards), and
    /// `tokenizer.json` unless its tokenizer is the generator's.
    #[schemars(with = "String", extend("format" = "model"))]
    pub model: PathBuf,
    /// The branch, tag or commit of a hub id, which the host follows when it finds the model's
    /// directory.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// Whether the model starts from the directory's weights (`"pretrained"`) or from random ones
    /// (`"random"`).
    #[serde(default)]
    pub init: Start,
    /// The size of the projection's inner layer; the generator's hidden size if not given. The
    /// paper's is 8096.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub projection: Option<usize>,
    /// Token ids before the query; what the tokenizer puts before a pair of texts, if not given.
    #[serde(default)]
    pub prefix: Option<Vec<u32>>,
    /// Token ids between query and document; what the tokenizer puts between two texts, if not
    /// given.
    #[serde(default)]
    pub separator: Option<Vec<u32>>,
    /// Token ids after the document; what the tokenizer puts after a pair of texts, if not given.
    #[serde(default)]
    pub suffix: Option<Vec<u32>>,
}

/// What the model's weights start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The weights of the model's directory.
    #[default]
    Pretrained,
    /// Random weights of the shapes that the directory's `config.json` gives.
    Random,
}
