//! The reranker: a query and documents to a score each.

use crate::Result;
use crate::tensor::Device;

/// Says how well each of some documents answers a query, having read both together.
pub trait Reranker: Send + Sync {
    /// One score a document, in the order of `documents`; a greater one is more relevant. The scale
    /// is the model's own (logits may be negative), and the same for every query. A document's
    /// score depends on no other document. No documents give no scores.
    ///
    /// # Errors
    /// If the query alone is more than the model can read, or the device fails. A document that is
    /// too long is cut instead.
    fn score(&self, query: &str, documents: &[&str]) -> Result<Vec<f32>>;
}

/// The context that a reranker is built in.
pub struct RerankerContext {
    /// The device that a model runs on.
    pub device: Device,
}

/// A reranker that a plugin offers.
pub trait RerankerPlugin: Reranker + Sized + 'static {
    /// Its configuration: the keys of `[reranker]` beside `plugin`.
    type Config: serde::de::DeserializeOwned + schemars::JsonSchema;

    /// Makes the reranker.
    ///
    /// # Errors
    /// If the configuration cannot be used, or a model cannot be read.
    fn build(config: Self::Config, context: RerankerContext) -> Result<Self>;
}
