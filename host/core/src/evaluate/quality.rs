//! The quality of answers, and of relevance scores.

use std::time::{Duration, Instant};

use crate::Result;
use crate::answer::{Answer, AnswerOptions, Answers, DocumentLengths, Session};
use crate::data::records::Record;
use crate::evaluate::metrics::ranking::agreement;
use crate::evaluate::metrics::{AnswerScores, KeptFacts, PairedTest};
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

/// One question with its answers, a line of `answers.jsonl`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AnsweredQuestion<'a> {
    /// The record.
    pub id: &'a str,
    /// The question.
    pub query: &'a str,
    /// The right answers.
    pub gold: Vec<&'a str>,
    /// The answer from full documents, with its scores.
    pub uncompressed: ScoredAnswer<'a>,
    /// The answer from compressed documents.
    pub compressed: ScoredAnswer<'a>,
}

/// An answer with its scores.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct ScoredAnswer<'a> {
    /// The answer.
    pub answer: &'a str,
    /// Its scores.
    #[serde(flatten)]
    pub scores: AnswerScores,
}

/// All questions with the answers of both readings.
#[must_use]
pub fn side_by_side<'a>(
    records: &'a [Record],
    uncompressed: &'a [Answer],
    compressed: &'a [Answer],
) -> Vec<AnsweredQuestion<'a>> {
    let rows = records.iter().zip(uncompressed).zip(compressed).map(|((record, full), small)| {
        let gold = golds(record);
        let scored =
            |answer: &'a Answer| ScoredAnswer { answer: &answer.text, scores: AnswerScores::best_of(&answer.text, &gold) };
        let (uncompressed, compressed) = (scored(full), scored(small));
        AnsweredQuestion { id: &record.id, query: &record.query, gold, uncompressed, compressed }
    });
    rows.collect()
}

/// Whether the F1 of the two readings differs.
#[must_use]
pub fn paired_f1(rows: &[AnsweredQuestion<'_>]) -> Option<PairedTest> {
    let f1 = |scores: fn(&AnsweredQuestion<'_>) -> f64| rows.iter().map(scores).collect::<Vec<_>>();
    PairedTest::of(&f1(|row| row.compressed.scores.f1), &f1(|row| row.uncompressed.scores.f1))
}

/// The numbers and names of the right answers that each reading holds.
#[must_use]
pub fn kept_facts(records: &[Record], uncompressed: &[Answer], compressed: &[Answer]) -> KeptFacts {
    let mut kept = KeptFacts::default();
    for ((record, full), small) in records.iter().zip(uncompressed).zip(compressed) {
        kept += KeptFacts::of(&golds(record), &full.text, &small.text);
    }
    kept
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
