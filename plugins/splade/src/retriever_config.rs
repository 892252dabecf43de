//! The keys of `[retriever]` with `plugin = "splade"`: the encoder's, and the index's.

use crate::SpladeConfig;

/// The configuration of the `splade` retriever.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
pub struct SpladeRetrieverConfig {
    /// The sparse encoder.
    #[serde(flatten)]
    pub encoder: SpladeConfig,
    /// Storage of document weights. Fixed once an index exists.
    #[serde(default)]
    pub weights: Stored,
    /// Memory limit for sorting postings, in MiB. More is sorted in temporary files.
    #[serde(default = "default_memory")]
    #[schemars(range(min = 16, max = 65536), extend("operational" = true))]
    pub memory: usize,
}

/// Storage of document weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// Eight bits, within 1/64 of the weight.
    #[default]
    U8,
    /// Sixteen bits, within 1/2048 of the weight.
    F16,
}

fn default_memory() -> usize {
    512
}
