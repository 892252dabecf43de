//! Greedy decoding after a prompt.

use scaledown_sdk::Device;
use scaledown_sdk::nn::{GenerateOptions, Sampling, Widths, generate};
use scaledown_sdk::tensor::no_grad;
use serde_json::json;

use super::models::{Models, prompt, tokens};
use super::{Measurement, Timing};
use crate::Result;
use crate::model::sequence::{PadSide, SequenceBatch};

pub(super) const BATCHES: [usize; 2] = [1, 8];
pub(super) const PROMPT_TOKENS: usize = 128;
pub(super) const NEW_TOKENS: usize = 64;

/// Measures greedy decoding of 64 tokens after prompts of 128, at batch 1 and 8, with weights that
/// are stored as `quantization` says.
///
/// # Errors
/// If there is no such quantization, or the device fails.
pub fn decode(device: &Device, timing: Timing, quantization: Option<&str>) -> Result<Vec<Measurement>> {
    let models = Models::new(device, false, quantization)?;
    let measure = |batch: usize| {
        let sequences = (0..batch).map(|i| prompt(0, &[], &tokens(i as u64, PROMPT_TOKENS))).collect();
        let sequences = SequenceBatch { sequences, widths: Widths::default() };
        let run = || {
            no_grad(|| {
                let input = sequences.embed(&*models.generator, None, PadSide::Left)?;
                let options = GenerateOptions { max_new_tokens: NEW_TOKENS, end_ids: Vec::new(), sampling: Sampling::Greedy };
                generate(&*models.generator, &input, options)?;
                Ok(())
            })
        };
        let mut shape = json!({ "batch": batch, "prompt_tokens": PROMPT_TOKENS, "new_tokens": NEW_TOKENS });
        if let Some(quantization) = quantization {
            shape["quantization"] = quantization.into();
        }
        timing.measure(&format!("decode-{batch}"), shape, batch * NEW_TOKENS, device, run)
    };
    BATCHES.into_iter().map(measure).collect()
}
