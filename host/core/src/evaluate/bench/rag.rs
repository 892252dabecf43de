//! One question over retrieved documents, from their vectors and from their text.

use scaledown_sdk::Device;
use scaledown_sdk::component::PairBatch;
use scaledown_sdk::nn::{ForwardMode, GenerateOptions, Sampling, Widths, generate};
use scaledown_sdk::tensor::no_grad;
use serde_json::{Value, json};

use super::models::{MEMORY_TOKENS, Models, prompt, tokens};
use super::{Measurement, Timing};
use crate::Result;
use crate::model::sequence::{PadSide, Sequence, SequenceBatch};

const DOCUMENTS: usize = 10;
const DOCUMENT_TOKENS: usize = 128;
const QUERY_TOKENS: usize = 16;
const NEW_TOKENS: usize = 32;

/// The shape of a run.
pub(super) fn shape() -> Value {
    json!({
        "documents": DOCUMENTS,
        "document_tokens": DOCUMENT_TOKENS,
        "query_tokens": QUERY_TOKENS,
        "new_tokens": NEW_TOKENS,
    })
}

/// Measures a question over 10 documents of 128 tokens with 32 new tokens, compressed (compression
/// included) and uncompressed.
///
/// # Errors
/// If the device fails.
pub fn rag(device: &Device, timing: Timing) -> Result<Vec<Measurement>> {
    let models = Models::new(device, false, None)?;
    let query = tokens(0, QUERY_TOKENS);
    let documents: Vec<Vec<u32>> = (0..DOCUMENTS).map(|i| tokens(1 + i as u64, DOCUMENT_TOKENS)).collect();
    let ids = documents.iter().map(|document| [query.as_slice(), document].concat()).collect();
    let pairs = PairBatch { ids, memory_tokens: MEMORY_TOKENS, relevance: true, widths: Widths::default() };
    let answer = |sequence: &Sequence, vectors: Option<&scaledown_sdk::Tensor>| {
        let batch = SequenceBatch { sequences: vec![sequence.clone()], widths: Widths::default() };
        let input = batch.embed(&*models.generator, vectors, PadSide::Left)?;
        let options = GenerateOptions { max_new_tokens: NEW_TOKENS, end_ids: Vec::new(), sampling: Sampling::Greedy };
        generate(&*models.generator, &input, options)?;
        Ok(())
    };
    let from_vectors = prompt(0, &vec![None; DOCUMENTS], &query);
    let compressed = timing.measure("rag-compressed", shape(), NEW_TOKENS, device, || {
        no_grad(|| {
            let vectors = models.compressor.compress(&pairs, &mut ForwardMode::inference())?.vectors;
            answer(&from_vectors, Some(&vectors))
        })
    })?;
    let documents: Vec<Option<Vec<u32>>> = documents.into_iter().map(Some).collect();
    let from_text = prompt(0, &documents, &query);
    let uncompressed =
        timing.measure("rag-uncompressed", shape(), NEW_TOKENS, device, || no_grad(|| answer(&from_text, None)))?;
    Ok(vec![compressed, uncompressed])
}
