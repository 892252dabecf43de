//! The compressor: (query, document) pairs to a few vectors each.

use std::path::PathBuf;
use std::sync::Arc;

use crate::nn::{ForwardMode, Params, WeightSource, Widths};
use crate::tensor::Tensor;
use crate::{Error, Result};

/// A batch of (query, document) pairs. Each pair is independent of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairBatch {
    /// The token ids of each pair, specials included, memory tokens not.
    pub ids: Vec<Vec<u32>>,
    /// The number of memory tokens, which follow the ids of each pair.
    pub memory_tokens: usize,
    /// Whether an RR token follows the memory tokens.
    pub relevance: bool,
    /// How wide the rows are padded.
    pub widths: Widths,
}

impl PairBatch {
    /// Refuses a batch that a compressor with `memory_tokens` memory tokens, and with an RR token
    /// or without, cannot compress.
    ///
    /// # Errors
    /// [`Error::Input`] if the batch has no pairs, asks for no memory tokens or too many, or asks
    /// for relevance without an RR token.
    pub fn check(&self, memory_tokens: usize, relevance: bool) -> Result<()> {
        if self.ids.is_empty() {
            return Err(Error::Input("the batch has no (query, document) pair, expected at least one".into()));
        }
        if !(1..=memory_tokens).contains(&self.memory_tokens) {
            return Err(Error::Input(format!(
                "the batch asks for {} memory tokens per document, expected 1 to {memory_tokens}, the compressor's number",
                self.memory_tokens
            )));
        }
        if self.relevance && !relevance {
            return Err(Error::Input(
                "the batch asks for relevance scores, but the compressor was made without an RR token".into(),
            ));
        }
        Ok(())
    }
}

/// The output of a compressor.
#[derive(Clone, Debug)]
pub struct Compressed {
    /// The vectors that stand for each document, in the generator's space:
    /// `[pairs, memory_tokens, hidden]`.
    pub vectors: Tensor,
    /// The relevance of each document to its query, `[pairs]` in f32, if the batch asked for it.
    pub relevance: Option<Tensor>,
}

/// How a compressor wants its input written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairTemplate {
    /// The directory of the compressor's own tokenizer; `None` for the generator's.
    pub tokenizer: Option<PathBuf>,
    /// Token ids before the query.
    pub prefix: Vec<u32>,
    /// Token ids between query and document.
    pub separator: Vec<u32>,
    /// Token ids after the document.
    pub suffix: Vec<u32>,
}

/// Compresses documents, given a query, into vectors that the generator reads (OSCAR, arXiv
/// 2504.07109, section 3).
pub trait Compressor: Send + Sync {
    /// How the pairs are to be written.
    fn template(&self) -> PairTemplate;

    /// The maximum positions of a pair, including memory tokens and the RR token; `None` if
    /// there is no such limit.
    fn max_positions(&self) -> Option<usize> {
        None
    }

    /// Whether it computes with the generator's own weights, into which no adapter may then be
    /// merged.
    fn shares_generator(&self) -> bool {
        false
    }

    /// Compresses a batch of pairs in one forward pass.
    ///
    /// # Errors
    /// What [`PairBatch::check`] refuses; if a pair is longer than the model can read or has an id
    /// that is no token's, or the device fails.
    fn compress(&self, batch: &PairBatch, forward: &mut ForwardMode) -> Result<Compressed>;
}

/// The context that a compressor is built in.
pub struct CompressorContext {
    /// Where its parameters are made; trainable. The host saves them, and loads them from a
    /// checkpoint.
    pub params: Params,
    /// The generator's configuration, as its `config.json` says.
    pub generator: serde_json::Value,
    /// The generator's stored weights, to copy from; `None` where the generator is made from random
    /// weights.
    pub generator_weights: Option<Arc<dyn WeightSource>>,
    /// The generator's parameters in memory, for a compressor that is the generator under an
    /// adapter of its own and shares its weights; `None` where there is no generator to share.
    #[cfg(not(target_arch = "wasm32"))]
    pub generator_params: Option<Params>,
    /// The size of the generator's embeddings, which the vectors must have.
    pub hidden_size: usize,
    /// The number of memory tokens a document.
    pub memory_tokens: usize,
    /// Whether a relevance score is wanted.
    pub relevance: bool,
}

/// The peak learning rate of a compressor that says nothing else: the paper's for compressors that
/// are no part of the generator.
pub const LEARNING_RATE: f64 = 1e-4;

/// A compressor that a plugin offers.
pub trait CompressorPlugin: Compressor + Sized + 'static {
    /// The peak learning rate that it is trained with unless the configuration says otherwise.
    const LEARNING_RATE: f64 = LEARNING_RATE;

    /// Its configuration: the keys of `[compressor]` beside `plugin`.
    type Config: serde::de::DeserializeOwned + schemars::JsonSchema;

    /// Makes the compressor.
    ///
    /// # Errors
    /// If the configuration cannot be used with this generator, or weights cannot be read.
    fn build(config: Self::Config, context: CompressorContext) -> Result<Self>;
}
