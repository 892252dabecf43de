//! The keys of `[retriever]` with `plugin = "splade"`: the encoder's, and the index's.

use crate::SpladeConfig;

/// The configuration of the `splade` retriever.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
pub struct SpladeRetrieverConfig {
    /// What turns texts into vectors.
    #[serde(flatten)]
    pub encoder: SpladeConfig,
    /// How the weights of documents are stored. It cannot change once there is an index.
    #[serde(default)]
    pub weights: Stored,
    /// The memory that sorting postings may take while an index is built, in MiB; the rest goes through temporary files.
    #[serde(default = "default_memory")]
    #[schemars(range(min = 16, max = 65536), extend("operational" = true))]
    pub memory: usize,
}

/// How the weights of documents are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// Eight bits each, within 1/64 of the weight.
    #[default]
    U8,
    /// Sixteen bits each, within 1/2048 of the weight.
    F16,
}

fn default_memory() -> usize {
    512
}
