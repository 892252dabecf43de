//! Time and FLOPs of one question, by phase.

use std::time::Instant;

use super::config::Evaluation;
use super::median::median;
use crate::Result;
use crate::answer::{AnswerOptions, ContextMode, Phases, Session};
use crate::data::records::Record;
use crate::evaluate::report::{PhaseCosts, Speed};

/// The maximum number of timed questions.
const SAMPLE: usize = 10;

/// Runs of a batch that a throughput is the median of.
const BATCH_RUNS: usize = 3;

/// Measures both readings in turn.
///
/// *Time and FLOPs*, one question at a time as in the paper's protocol: `repetitions` runs of
/// each reading, over up to ten questions spread evenly over `records`, each generating the same
/// number of tokens. Each number is the median of the runs, phase by phase.
///
/// *Throughput*: one batch of the evaluation's size, generating as many tokens for each question;
/// the median of three runs.
///
/// Before either, each reading makes one run that does not count, so that neither is measured cold.
///
/// # Errors
/// If a record cannot be tokenized or the device fails.
pub fn measure_speed(session: &Session, records: &[Record], evaluation: &Evaluation) -> Result<Speed> {
    let sample = spread(records, SAMPLE.min(evaluation.repetitions));
    let (compressed, uncompressed) = alternate(evaluation.repetitions, |run, reading| {
        let record = sample.get(run % sample.len().max(1)).copied();
        Ok(session.ask(record.as_slice(), &options(reading, 1, evaluation))?.phases)
    })?;
    let (mut compressed, mut uncompressed) = (phase_costs(&compressed), phase_costs(&uncompressed));

    let batch = spread(records, evaluation.batch_size);
    let (together, separate) = alternate(BATCH_RUNS, |_, reading| {
        let started = Instant::now();
        session.ask(&batch, &options(reading, batch.len(), evaluation))?;
        Ok(batch.len() as f64 / started.elapsed().as_secs_f64().max(f64::EPSILON))
    })?;
    compressed.queries_per_second = Some(median(together));
    uncompressed.queries_per_second = Some(median(separate));

    let documents = sample.iter().map(|record| evaluation.documents.min(record.documents.len())).max().unwrap_or(0);
    let protocol = format!(
        "batch 1, {documents} documents, {} new tokens, median of {} runs over {} questions",
        evaluation.max_new_tokens,
        evaluation.repetitions,
        sample.len()
    );
    Ok(Speed { compressed, uncompressed, speedup: uncompressed.total_ms / compressed.total_ms.max(f64::EPSILON), protocol })
}

/// Up to `most` of the records, spread evenly over them.
fn spread(records: &[Record], most: usize) -> Vec<&Record> {
    let count = most.min(records.len());
    (0..count).map(|i| &records[i * records.len() / count]).collect()
}

/// `runs` results of the compressed and of the uncompressed reading, taken in turn after one of
/// each that does not count.
fn alternate<T>(runs: usize, mut measure: impl FnMut(usize, ContextMode) -> Result<T>) -> Result<(Vec<T>, Vec<T>)> {
    for reading in [ContextMode::Compressed, ContextMode::Uncompressed] {
        measure(0, reading)?;
    }
    let (mut compressed, mut uncompressed) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    for run in 0..runs {
        compressed.push(measure(run, ContextMode::Compressed)?);
        uncompressed.push(measure(run, ContextMode::Uncompressed)?);
    }
    Ok((compressed, uncompressed))
}

/// Answers of equal length, whatever the model says.
fn options(reading: ContextMode, batch: usize, evaluation: &Evaluation) -> AnswerOptions {
    let Evaluation { documents, max_new_tokens, .. } = *evaluation;
    let sampling = evaluation.sampling();
    AnswerOptions {
        reading,
        documents,
        max_new_tokens,
        stop: Vec::new(),
        sampling,
        batch,
        widths: evaluation.widths,
        ignore_end: true,
    }
}

/// The median times and FLOPs of several runs, phase by phase. The total of the FLOPs
/// is that of the phases.
#[must_use]
pub fn phase_costs(runs: &[Phases]) -> PhaseCosts {
    let of = |value: fn(&Phases) -> f64| median(runs.iter().map(value).collect());
    let compress_tflop = of(|phases| phases.compress_flops as f64 / 1e12);
    let prefill_tflop = of(|phases| phases.prefill_flops as f64 / 1e12);
    let decode_tflop = of(|phases| phases.decode_flops as f64 / 1e12);
    PhaseCosts {
        compress_ms: of(|phases| phases.compress.as_secs_f64() * 1e3),
        prefill_ms: of(|phases| phases.prefill.as_secs_f64() * 1e3),
        decode_ms: of(|phases| phases.decode.as_secs_f64() * 1e3),
        total_ms: of(|phases| phases.total().as_secs_f64() * 1e3),
        tflop: compress_tflop + prefill_tflop + decode_tflop,
        compress_tflop,
        prefill_tflop,
        decode_tflop,
        queries_per_second: None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_reading_is_warmed_up_and_then_measured_in_turn() {
        let mut order = Vec::new();
        let (compressed, uncompressed) = alternate(2, |run, reading| {
            order.push((run, reading));
            Ok(order.len())
        })
        .unwrap();
        let (a, b) = (ContextMode::Compressed, ContextMode::Uncompressed);
        assert_eq!(order, [(0, a), (0, b), (0, a), (0, b), (1, a), (1, b)]);
        assert_eq!((compressed, uncompressed), (vec![3, 5], vec![4, 6]), "a run of the warm-up was counted");
    }

    #[test]
    fn a_sample_is_spread_over_all_records() {
        let records: Vec<Record> = (0..25).map(|i| Record { id: i.to_string(), ..Record::default() }).collect();
        let ids = |most| spread(&records, most).iter().map(|record| record.id.parse().unwrap()).collect::<Vec<usize>>();
        assert_eq!(ids(10), [0, 2, 5, 7, 10, 12, 15, 17, 20, 22]);
        assert_eq!(ids(100), (0..25).collect::<Vec<_>>());
        assert!(spread(&[], 10).is_empty());
    }

    #[test]
    fn costs_are_medians_phase_by_phase() {
        let run = |compress: u64, decode: u64, flops: u64| Phases {
            compress: Duration::from_millis(compress),
            decode: Duration::from_millis(decode),
            prefill_flops: flops * 1_000_000_000_000,
            ..Phases::default()
        };
        let costs = phase_costs(&[run(1, 9, 4), run(100, 2, 2), run(3, 4, 3)]);
        assert_eq!((costs.compress_ms, costs.decode_ms, costs.total_ms), (3.0, 4.0, 10.0));
        assert_eq!((costs.prefill_tflop, costs.tflop), (3.0, 3.0));
    }
}
