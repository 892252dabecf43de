//! The compressor `adapter`: the generator itself under a second adapter (PISCO, arXiv 2501.16075,
//! section 3).
//!
//! A pair is written `[prefix] query [separator] document [suffix] [MEM] .. [MEM] [RR]`, and the
//! hidden states at the memory tokens, after the final norm, are the document's vectors: the
//! compressor speaks the generator's language, and needs no projection. The base weights are held
//! once, for both.

mod compressor;
mod config;

pub use compressor::AdaptedGenerator;
pub use config::AdapterConfig;

use scaledown_sdk::component::{Registration, inventory};

inventory::submit! {
    Registration::compressor::<AdaptedGenerator>("adapter", "Compresses documents with the generator itself under a second adapter.")
}
