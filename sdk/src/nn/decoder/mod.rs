//! The decoder family: causal transformers with rotary positions, RMS norms, gated MLPs and
//! grouped-query attention.
//!
//! Mistral (Jiang et al. 2023, arXiv 2310.06825), Llama (Touvron et al. 2023, arXiv 2302.13971 and
//! 2307.09288; Dubey et al. 2024, arXiv 2407.21783), Qwen2 (Yang et al. 2024, arXiv 2407.10671),
//! Qwen3 (Yang et al. 2025, arXiv 2505.09388), Gemma 2 and 3 (Gemma Team 2024 and 2025, arXiv
//! 2408.00118 and 2503.19786) and Phi-3 and 4 (Abdin et al. 2024, arXiv 2404.14219 and 2412.08905)
//! differ only in their [`DecoderConfig`]. Parameters are named as in Hugging Face's checkpoints.

mod attention;
mod by_reach;
mod cache;
mod capped;
mod causal_lm;
mod config;
mod config_rope;
#[cfg(test)]
mod config_tests;
mod family;
mod layer;
mod mlp;
mod model;
mod readout;
mod sequence;

pub use cache::KvCache;
pub use causal_lm::CausalLm;
pub use config::DecoderConfig;
pub use family::DecoderFamily;
pub use layer::DecoderLayer;
pub use model::Decoder;
pub use readout::TokenSelection;
pub use sequence::PositionInfo;
