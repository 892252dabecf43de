//! The decoder family: causal transformers with rotary positions, RMS norms, gated MLPs and
//! grouped-query attention.
//!
//! Mistral (Jiang et al. 2023, arXiv 2310.06825), Llama (Touvron et al. 2023, arXiv 2302.13971 and
//! 2307.09288; Dubey et al. 2024, arXiv 2407.21783) and Qwen2 (Yang et al. 2024, arXiv 2407.10671)
//! differ only in their [`DecoderConfig`]. Parameters are named as in Hugging Face's checkpoints.

mod attention;
mod cache;
mod causal_lm;
mod config;
#[cfg(test)]
mod config_tests;
mod layer;
mod mlp;
mod model;
mod readout;
mod sequence;

pub use cache::KvCache;
pub use causal_lm::CausalLm;
pub use config::{DecoderConfig, DecoderFamily};
pub use layer::DecoderLayer;
pub use model::Decoder;
pub use readout::TokenSelection;
pub use sequence::PositionInfo;
