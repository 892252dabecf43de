//! Pretraining: a small language model from random weights, and compressors whose space is not yet the generator's.

mod autoencoding;
mod causal;
mod curriculum;
mod examples;
mod source;

pub use autoencoding::AutoEncoding;
pub use causal::CausalLm;
pub use curriculum::{Advance, Curriculum};
pub use source::Source;
