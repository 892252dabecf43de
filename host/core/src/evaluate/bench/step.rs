//! One OSCAR training step: both forward passes, the backward pass, clipping and AdamW.

use scaledown_sdk::Device;
use scaledown_sdk::component::PairBatch;
use scaledown_sdk::nn::{ForwardMode, Optimizer, OptimizerConfig, ParamGroup, Widths, clip_scale};
use serde_json::{Value, json};

use super::models::{MEMORY_TOKENS, Models, prompt, tokens};
use super::{Measurement, Timing};
use crate::Result;
use crate::model::sequence::{SequenceBatch, token_loss};

const BATCH: usize = 8;
const DOCUMENTS: usize = 5;
const DOCUMENT_TOKENS: usize = 128;
const QUERY_TOKENS: usize = 16;
const ANSWER_TOKENS: usize = 16;
const RELEVANCE_WEIGHT: f64 = 0.05;

/// The shape of a step.
pub(super) fn shape() -> Value {
    json!({
        "batch": BATCH,
        "documents": DOCUMENTS,
        "document_tokens": DOCUMENT_TOKENS,
        "query_tokens": QUERY_TOKENS,
        "answer_tokens": ANSWER_TOKENS,
    })
}

/// Measures the training step of an N-layers compressor with a relevance head.
///
/// # Errors
/// If the device fails.
pub fn step(device: &Device, timing: Timing, checkpointing: bool) -> Result<Measurement> {
    let models = Models::new(device, true, None)?;
    let group =
        |name: &str, params: &scaledown_sdk::nn::Params, lr| ParamGroup { name: name.into(), params: params.trainable(), lr };
    let groups = vec![group("generator", &models.generator_params, 1e-4), group("compressor", &models.compressor_params, 5e-5)];
    let mut optimizer = Optimizer::new(groups, OptimizerConfig::default())?;
    let count = BATCH * DOCUMENTS;
    let ids = (0..count).map(|i| tokens(i as u64, QUERY_TOKENS + DOCUMENT_TOKENS)).collect();
    let pairs = PairBatch { ids, memory_tokens: MEMORY_TOKENS, relevance: true, widths: Widths::default() };
    let sequences = (0..BATCH).map(|i| {
        let tail = tokens(1000 + i as u64, QUERY_TOKENS + ANSWER_TOKENS);
        let mut sequence = prompt(i * DOCUMENTS, &vec![None; DOCUMENTS], &tail[..QUERY_TOKENS]);
        sequence.extend(&tail[QUERY_TOKENS..], 1.0);
        sequence
    });
    let batch = SequenceBatch { sequences: sequences.collect(), widths: Widths::default() };
    let scores: Vec<f32> = tokens(7, count).iter().map(|&id| id as f32 / 4096.0).collect();
    let mut seed = 0;
    let run = || {
        seed += 1;
        let mut forward = ForwardMode::training(seed, checkpointing);
        let compressed = models.compressor.compress(&pairs, &mut forward)?;
        let answers =
            token_loss(&*models.generator, &batch, Some(&compressed.vectors), (BATCH * ANSWER_TOKENS) as f64, &mut forward)?;
        let mut loss = answers.loss;
        if let Some(relevance) = &compressed.relevance {
            let error = relevance.sub(&device.from_slice(&scores, [count])?)?.square()?.sum_all()?;
            loss = loss.add(&error.affine(RELEVANCE_WEIGHT / BATCH as f64, 0.0)?)?;
        }
        drop(compressed);
        let total = loss.detach();
        let gradients = loss.backward()?;
        let norm = match optimizer.gradient_norm(&gradients)? {
            Some(norm) => norm,
            None => device.zeros(total.dtype(), [])?,
        };
        let scale = clip_scale(&norm, 1.0, &[&total])?;
        optimizer.step(gradients, 1.0, &scale)?;
        // The values that the training loop reads from a step, in one read, as it does.
        device.read(&[&norm, &total, &answers.correct])?;
        Ok(())
    };
    let name = if checkpointing { "step-checkpointing" } else { "step" };
    timing.measure(name, shape(), count * (QUERY_TOKENS + DOCUMENT_TOKENS), device, run)
}
