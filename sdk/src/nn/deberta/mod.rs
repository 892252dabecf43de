//! DeBERTa-v2 and DeBERTa-v3 (He et al. 2020, arXiv 2006.03654; 2021, arXiv 2111.09543), frozen, as
//! `transformers.models.deberta_v2` stores them.
//!
//! Post-norm layers whose attention scores add to the product of contents those of contents and
//! relative positions (*disentangled* attention). Weights have the names of
//! `DebertaV2ForSequenceClassification`.

mod attention;
mod classifier;
mod config;
mod layer;
mod model;
mod relative;

pub use classifier::DebertaClassifier;
pub use config::{DebertaConfig, Relative};
pub use model::Deberta;
