//! The `n-layers` plugin: compresses with the generator's own first layers (OSCAR, arXiv
//! 2504.07109, section 3).
//!
//! A pair is written `[query] [document] [MEM] .. [MEM] [RR]`. The compressor is a copy of the
//! generator's embeddings and first N layers, all of it trained. Since the copy starts in the
//! generator's space, its hidden states at the memory tokens need no projection.

mod compressor;
mod config;

pub use compressor::NLayers;
pub use config::NLayersConfig;

use scaledown_sdk::component::{Registration, inventory};

inventory::submit! {
    Registration::compressor::<NLayers>("n-layers", "Compresses documents with a trained copy of the generator's first layers.")
}
