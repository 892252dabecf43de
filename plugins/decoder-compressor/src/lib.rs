//! The compressor `decoder`: a small language model of its own, such as Llama-3.2-1B or Qwen3-0.6B
//! (OSCAR, arXiv 2504.07109, section 3).
//!
//! A pair is written as the model's tokenizer writes pairs,
//! `[BOS] query [BOS] document [MEM] .. [MEM] [RR]` for Llama 3. The whole model is trained, and
//! two linear layers with a ReLU between them map its hidden states at the memory tokens to the
//! generator's space. A compressor of this kind has to be pretrained before it learns to answer: it
//! knows nothing of the generator's space.

mod compressor;
mod config;
mod template;

pub use compressor::SmallDecoder;
pub use config::{DecoderCompressorConfig, Start};

use scaledown_sdk::component::{Registration, inventory};

inventory::submit! {
    Registration::compressor::<SmallDecoder>("decoder", "Compresses documents with a small language model and a projection.")
}
