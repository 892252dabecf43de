//! The keys of `[compressor]` with `plugin = "adapter"`.

use scaledown_sdk::nn::LoraConfig;

/// The configuration of the `adapter` compressor.
#[derive(Clone, Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdapterConfig {
    /// The second adapter; by default the paper's (r 16, alpha 32, dropout 0.1, all linear layers).
    pub lora: LoraConfig,
    /// Token ids before the query.
    pub prefix: Vec<u32>,
    /// Token ids between query and document.
    pub separator: Vec<u32>,
    /// Token ids after the document.
    pub suffix: Vec<u32>,
}
