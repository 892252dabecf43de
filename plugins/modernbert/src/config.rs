//! The keys of `[compressor]` with `plugin = "modernbert"`.

use std::path::PathBuf;

/// The configuration of the `modernbert` compressor.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModernBertCompressorConfig {
    /// The encoder's hub id or directory: `config.json`, `model.safetensors`, and `tokenizer.json`
    /// unless its tokenizer is the generator's.
    #[schemars(with = "String", extend("format" = "model"))]
    pub model: PathBuf,
    /// The branch, tag or commit of a hub id.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// The encoder's initial weights: the directory's (`"pretrained"`) or random (`"random"`).
    #[serde(default)]
    pub init: EncoderInit,
    /// The hidden size of the projection. Default: the generator's hidden size.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub projection: Option<usize>,
}

/// The encoder's initial weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EncoderInit {
    /// The weights of the model's directory.
    #[default]
    Pretrained,
    /// Random weights of the shapes that the directory's `config.json` gives.
    Random,
}
