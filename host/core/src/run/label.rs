//! The teacher's answers: what the generator answers greedily when it reads the full documents.

use std::path::Path;

use scaledown_sdk::nn::Sampling;

use super::{Context, open_device};
use crate::answer::{AnswerOptions, ContextMode, Session};
use crate::config::Config;
use crate::data::records::{self, Record};
use crate::evaluate::metrics::matches;
use crate::support::artifact;
use crate::{Error, Result};

/// Gives every record the answer of the uncompressed generator, in place of one that it may have.
/// Drops records without an answer.
///
/// # Errors
/// If a record cannot be tokenized, the device fails, or the user interrupts.
pub fn label(session: &Session, config: &Config, records: &[Record], context: &Context<'_>) -> Result<Vec<Record>> {
    let options = AnswerOptions {
        reading: ContextMode::Uncompressed,
        documents: config.data.documents.unwrap_or(usize::MAX),
        max_new_tokens: config.evaluation.max_new_tokens,
        stop: Vec::new(),
        sampling: Sampling::Greedy,
        batch: config.evaluation.batch_size,
        widths: config.evaluation.widths,
        ignore_end: false,
    };
    let answers = session.ask_all(records, &options, "teacher's answers", context.progress)?.answers;
    if context.progress.cancelled() {
        return Err(Error::interrupted("labelling interrupted"));
    }
    let labelled = records.iter().zip(answers).filter(|(_, answer)| !answer.text.is_empty());
    let labelled: Vec<Record> = labelled.map(|(record, answer)| Record { answer: Some(answer.text), ..record.clone() }).collect();
    if labelled.is_empty() && !context.progress.cancelled() {
        let message = format!(
            "the teacher returned an empty answer to all {} training questions; inspect its answers with `scaledown answer --uncompressed`",
            records.len()
        );
        return Err(Error::failed(message));
    }
    Ok(labelled)
}

/// What became of a file of records.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Labelled {
    /// The records that were read.
    pub read: usize,
    /// Those that were written.
    pub written: usize,
}

/// Gives the records of the file `source` the generator's answers from full documents, and writes
/// them to `out`. With `right`, only those are written whose answer holds a right one, as the
/// records name them: a compressor then learns from what the teacher knew.
///
/// # Errors
/// As [`label`]; or if a file cannot be read or written.
pub fn label_file(config: &Config, source: &Path, out: &Path, right: bool, context: &Context<'_>) -> Result<Labelled> {
    let records = records::read(source, config.data.train_limit)?;
    let device = open_device(config)?;
    let session = Session::open(&config.for_model()?, &config.for_compressor()?, None, &device)?;
    let mut labelled = label(&session, config, &records, context)?;
    if right {
        let holds = |record: &Record| {
            let answer = record.answer.as_deref().unwrap_or_default();
            record.gold_answers.iter().any(|gold| matches(answer, gold))
        };
        labelled.retain(holds);
    }
    write_records(&labelled, out)?;
    Ok(Labelled { read: records.len(), written: labelled.len() })
}

/// Writes records, one a line, whole or not at all.
///
/// # Errors
/// If the disk is full or cannot be written.
pub fn write_records(records: &[Record], path: &Path) -> Result<()> {
    let mut text = Vec::new();
    for record in records {
        serde_json::to_writer(&mut text, record).map_err(|error| crate::Error::io(path, error.into()))?;
        text.push(b'\n');
    }
    Ok(artifact::write_file(path, &text)?)
}
