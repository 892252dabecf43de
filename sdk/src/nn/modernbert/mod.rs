//! The ModernBERT encoder (Warner et al. 2024, arXiv 2412.13663), as
//! `transformers.models.modernbert` stores it.
//!
//! Pre-norm layers without biases by default; rotary position embeddings; every third layer attends
//! globally, the others within a local window; gated GELU feed-forward layers. Weights have the
//! names of `ModernBertModel` and `ModernBertForMaskedLM`.

mod attention;
mod config;
mod layer;
mod masked_lm;
mod mlp;
mod model;
mod positions;

pub use config::{AttentionKind, ModernBertConfig};
pub use masked_lm::ModernBertMaskedLm;
pub use model::ModernBertModel;
