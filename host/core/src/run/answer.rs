//! `scaledown answer`: one question, answered by a trained model.

use std::path::Path;

use super::evaluate::read_documents;
use super::{Directory, open_device};
use crate::answer::{AnswerOptions, Answers, ContextMode, Session};
use crate::config::Config;
use crate::data::records::Record;
use crate::evaluate::phase_costs;
use crate::evaluate::report::{PhaseCosts, ReadDocuments};
use crate::model::StoredOscar;
use crate::{Error, Result};

/// An answer, and how it came about.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Answered {
    /// The answer.
    pub answer: String,
    /// How the generator read the documents.
    pub reading: ContextMode,
    /// The documents that were used, in the order in which the generator saw them.
    pub documents: Vec<UsedDocument>,
    /// The documents as they were read: how many were cut, and what replaced their tokens.
    pub read: ReadDocuments,
    /// The tokens of the documents over the vectors that replaced them; none where the documents
    /// were read in full.
    pub compression_rate: Option<f64>,
    /// What the phases took.
    pub timings: PhaseCosts,
    /// Warnings, such as truncated documents.
    pub warnings: Vec<String>,
}

/// A document that an answer was made from.
#[derive(Clone, Debug, serde::Serialize)]
pub struct UsedDocument {
    /// Its text.
    pub text: String,
    /// Its relevance to the question, if the compressor scores documents.
    pub relevance: Option<f32>,
}

/// Answers `query` over `documents` with the model in `model`, or the one that a training of
/// `config` wrote.
///
/// # Errors
/// If there are no documents, a file is missing or cannot be used, or the device fails.
pub fn answer(
    config: &Config,
    model: Option<&Path>,
    query: &str,
    documents: Vec<String>,
    reading: ContextMode,
) -> Result<Answered> {
    if documents.is_empty() {
        return Err(Error::usage("no documents to answer from"));
    }
    let directory = model.map_or_else(|| Directory::of(config).model(), Path::to_owned);
    let stored = if reading == ContextMode::Compressed { Some(StoredOscar::open(&directory)?) } else { None };
    let device = open_device(config)?;
    let session = Session::open(&config.for_model()?, &config.for_compressor()?, stored.as_ref(), &device)?;
    let record = Record { id: "question".into(), query: query.into(), documents, ..Record::default() };
    let options = AnswerOptions {
        reading,
        documents: config.evaluation.documents,
        max_new_tokens: config.evaluation.max_new_tokens,
        stop: config.evaluation.stop.clone(),
        sampling: config.evaluation.sampling(),
        batch: 1,
        widths: config.evaluation.widths,
        ignore_end: false,
    };
    let Answers { answers, phases, lengths } = session.ask(&[&record], &options)?;
    let answer = answers.into_iter().next().ok_or_else(|| Error::failed("the generator returned no answer"))?;
    let scores = answer.relevance.unwrap_or_default();
    let used = record.documents.into_iter().take(options.documents).enumerate();
    Ok(Answered {
        answer: answer.text,
        reading,
        documents: used.map(|(i, text)| UsedDocument { text, relevance: scores.get(i).copied() }).collect(),
        read: read_documents(&lengths),
        compression_rate: (reading == ContextMode::Compressed).then(|| lengths.compression_rate()),
        timings: phase_costs(&[phases]),
        warnings: lengths.warning(session.oscar().lengths.document_tokens).into_iter().collect(),
    })
}
