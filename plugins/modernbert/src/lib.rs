//! The `modernbert` plugin: compresses with a ModernBERT encoder (Warner et al. 2024, arXiv
//! 2412.13663), as OSCAR's appendix J does.
//!
//! A pair is written `[CLS] query [SEP] document [SEP] MEM .. MEM RR`. The whole encoder is
//! trained, and two linear layers with a ReLU between them map its hidden states at the memory
//! tokens to the generator's space. The relevance head reads the encoder's own space.

mod compressor;
mod config;

pub use compressor::ModernBertCompressor;
pub use config::{EncoderInit, ModernBertCompressorConfig};

use scaledown_sdk::component::{Registration, inventory};

inventory::submit! {
    Registration::compressor::<ModernBertCompressor>("modernbert", "Compresses documents with a ModernBERT encoder and a projection.")
}
