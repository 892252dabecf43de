//! The sparse encoder: what a retriever over an inverted index is made of.

use crate::Result;

/// A vector of few terms, with the weight of each: ascending terms, each once, with finite weights
/// above 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseVector(pub Vec<(u32, f32)>);

/// Turns texts into sparse vectors over a vocabulary; the product of two says how well a document
/// answers a query.
pub trait SparseEncoder: Send + Sync {
    /// The number of terms; every term is below it.
    fn vocabulary(&self) -> usize;

    /// The vectors of documents, in their order. A vector depends on no other document. One may be
    /// empty.
    ///
    /// # Errors
    /// If the device fails. A text that is too long is cut instead.
    fn encode_documents(&self, texts: &[&str]) -> Result<Vec<SparseVector>>;

    /// The vectors of queries, in their order.
    ///
    /// # Errors
    /// Those of [`SparseEncoder::encode_documents`].
    fn encode_queries(&self, texts: &[&str]) -> Result<Vec<SparseVector>>;
}
