//! The time and arithmetic of one question, by phase.

use crate::Result;
use crate::answering::{AnswerOptions, Phases, Reading, answer_batch};
use crate::config::Evaluation;
use crate::data::Record;
use crate::model::Oscar;
use crate::report::{PhaseCosts, Speed};

/// Measures both readings on `record`, one question at a time as in the paper's protocol: `repetitions` runs of each in turn after one that
/// is not counted, each generating the same number of tokens. Times are medians.
///
/// # Errors
/// If the record cannot be tokenized or the device fails.
pub fn measure_speed(oscar: &Oscar, record: &Record, evaluation: &Evaluation) -> Result<Speed> {
    let mut options = AnswerOptions {
        reading: Reading::Compressed,
        documents: evaluation.documents,
        max_new_tokens: evaluation.max_new_tokens,
        stop: Vec::new(),
        sampling: evaluation.sampling(),
        batch: 1,
        ignore_end: true,
    };
    let (mut compressed, mut uncompressed) = (Vec::new(), Vec::new());
    for run in 0..=evaluation.repetitions {
        for (reading, runs) in [(Reading::Compressed, &mut compressed), (Reading::Uncompressed, &mut uncompressed)] {
            options.reading = reading;
            let (_, phases) = answer_batch(oscar, &[record], &options)?;
            if run > 0 {
                runs.push(phases);
            }
        }
    }
    let (compressed, uncompressed) = (phase_costs(&compressed), phase_costs(&uncompressed));
    let documents = evaluation.documents.min(record.documents.len());
    let protocol = format!(
        "batch 1, {documents} documents, {} new tokens, median of {} runs",
        evaluation.max_new_tokens, evaluation.repetitions
    );
    Ok(Speed { compressed, uncompressed, speedup: uncompressed.total_ms / compressed.total_ms.max(f64::EPSILON), protocol })
}

/// The median times and the arithmetic of several runs of one question.
#[must_use]
pub fn phase_costs(runs: &[Phases]) -> PhaseCosts {
    let median = |of: fn(&Phases) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let tera = |flops: u64| flops as f64 / 1e12;
    let first = runs.first().copied().unwrap_or_default();
    let (compress, prefill, decode) = (tera(first.compress_flops), tera(first.prefill_flops), tera(first.decode_flops));
    PhaseCosts {
        compress_ms: median(|phases| phases.compress.as_secs_f64() * 1e3),
        prefill_ms: median(|phases| phases.prefill.as_secs_f64() * 1e3),
        decode_ms: median(|phases| phases.decode.as_secs_f64() * 1e3),
        total_ms: median(|phases| phases.total().as_secs_f64() * 1e3),
        tflop: compress + prefill + decode,
        compress_tflop: compress,
        prefill_tflop: prefill,
        decode_tflop: decode,
        queries_per_second: None,
    }
}

/// The tokens of the records' documents, as the generator would read them, over the vectors that replace them.
///
/// # Errors
/// If the tokenizer fails.
pub fn compression_rate(oscar: &Oscar, records: &[Record]) -> Result<f64> {
    let (mut tokens, mut documents) = (0, 0);
    for document in records.iter().flat_map(|record| &record.documents) {
        tokens += oscar.model.tokenizer.encode_truncated(document, oscar.lengths.document_tokens)?.len();
        documents += 1;
    }
    Ok(tokens as f64 / (documents * oscar.lengths.memory_tokens).max(1) as f64)
}
