//! Pretraining: a small language model from random weights, and compressors whose space is not yet
//! the generator's.

mod autoencoding;
mod causal;
pub mod config;
mod curriculum;
mod examples;
mod passage;
mod source;
mod staged;

pub use autoencoding::AutoEncoding;
pub use causal::CausalPretraining;
pub use source::{StageRecords, Text};
pub use staged::Staged;
