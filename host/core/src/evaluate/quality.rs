//! The quality of answers, and of relevance scores.

use std::time::{Duration, Instant};

use crate::Result;
use crate::answer::{Answer, AnswerOptions, Answers, DocumentLengths, Session};
use crate::data::records::Record;
use crate::evaluate::metrics::AnswerScores;
use crate::evaluate::metrics::ranking::agreement;
use crate::evaluate::report::Ranking;
use crate::support::progress::Progress;

/// Answers to a set of records, with what they are worth and what they took.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The answers, in the records' order.
    pub answers: Vec<Answer>,
    /// The mean scores against the gold answers.
    pub scores: AnswerScores,
    /// The wall time.
    pub elapsed: Duration,
    /// Peak memory of tensors in bytes, including parameters.
    pub peak_memory: u64,
    /// How long the documents were.
    pub lengths: DocumentLengths,
}

/// Answers `records`, which is shown as a task called `title`, and scores the answers. A record
/// without gold answers is scored against the teacher's.
///
/// # Errors
/// If a record cannot be tokenized or the device fails.
pub fn evaluate(
    session: &Session,
    records: &[Record],
    options: &AnswerOptions,
    title: &str,
    progress: &dyn Progress,
) -> Result<Evaluated> {
    let started = Instant::now();
    let device = &session.oscar().model.device;
    device.reset_peak_memory();
    let Answers { answers, lengths, .. } = session.ask_all(records, options, title, progress)?;
    let scores = answers.iter().zip(records).map(|(answer, record)| AnswerScores::best_of(&answer.text, &golds(record)));
    Ok(Evaluated {
        scores: AnswerScores::mean(scores).unwrap_or_default(),
        answers,
        lengths,
        elapsed: started.elapsed(),
        peak_memory: device.memory().peak,
    })
}

/// The right answers of a record.
fn golds(record: &Record) -> Vec<&str> {
    if record.gold_answers.is_empty() {
        return record.answer.as_deref().into_iter().collect();
    }
    record.gold_answers.iter().map(String::as_str).collect()
}

/// How well the compressor's relevance scores order the documents, with the teacher's as the truth;
/// `None` if there are none of either.
#[must_use]
pub fn ranking(records: &[Record], answers: &[Answer]) -> Option<Ranking> {
    let pairs = records.iter().zip(answers).filter_map(|(record, answer)| {
        let predicted: Vec<f64> = answer.relevance.as_ref()?.iter().map(|&score| f64::from(score)).collect();
        agreement(&predicted, record.reranking_scores.as_ref()?, 10)
    });
    let (mut ndcg, mut mrr, mut queries) = (0.0, 0.0, 0_u64);
    for (query_ndcg, query_rank) in pairs {
        ndcg += query_ndcg;
        mrr += query_rank;
        queries += 1;
    }
    let count = queries as f64;
    (queries > 0).then(|| Ranking { ndcg_at_10: ndcg / count, mrr: mrr / count, queries })
}
