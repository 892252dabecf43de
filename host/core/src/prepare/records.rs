//! The records that a journal comes to.

use std::io::Write;
use std::path::Path;

use scaledown_sdk::files::{FileKind, read_bytes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answering::TeacherAnswer;
use super::block::{Block, Shard};
use super::error::PreparationError;
use super::fingerprint::PreparationFingerprint;
use super::journal::Recorded;
use super::ranking::{self, Ranked};
use crate::data::questions::CorpusQuestion;
use crate::data::records::Record;
use crate::retrieval::SearchIndex;
use crate::support::artifact;
use crate::{Error, Result};

/// The file of records in a run's directory; what it was made from is in [`Sidecar::NAME`] beside
/// it.
pub const NAME: &str = "records.jsonl";

/// The description of a file of records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sidecar {
    /// The version of ScaleDown that wrote it.
    pub scaledown: String,
    /// The fingerprint of the records.
    pub fingerprint: PreparationFingerprint,
    /// The resolved configuration.
    pub config: Value,
    /// The commits of the models that came from a hub, by the section that names them.
    pub revisions: Map<String, Value>,
    /// The counts of the questions.
    pub counts: Counts,
    /// The records of each block, in order.
    pub records_per_block: Vec<usize>,
    /// The checksum of the file.
    pub checksum: u32,
}

impl Sidecar {
    /// The file's name.
    pub const NAME: &str = "records.json";

    /// The shard of the questions.
    #[must_use]
    pub fn shard(&self) -> Shard {
        self.fingerprint.shard
    }

    /// Reads the one of a run's directory.
    ///
    /// # Errors
    /// If it is missing or invalid.
    pub fn read(directory: &Path) -> Result<Self> {
        Self::read_file(&directory.join(Self::NAME))
    }

    /// Reads one, whatever the file is called.
    ///
    /// # Errors
    /// If it is missing or invalid.
    pub fn read_file(path: &Path) -> Result<Self> {
        let bytes = read_bytes(path, FileKind::Manifest).map_err(PreparationError::io(path))?;
        let message = |error: serde_json::Error| format!("not a description of records: {error}");
        serde_json::from_slice(&bytes)
            .map_err(|error| PreparationError::Merge { path: path.to_owned(), message: message(error) }.into())
    }

    /// Writes it to a file.
    ///
    /// # Errors
    /// If the disk is full or cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(Error::failed)?;
        Ok(artifact::write_file(path, &text)?)
    }
}

/// The counts of a run's questions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records written.
    pub records: u64,
    /// Skipped questions by reason.
    pub skipped: std::collections::BTreeMap<String, u64>,
    /// Malformed lines, in all shards.
    pub malformed: u64,
}

/// Writes the records of all blocks, whose answers must be recorded, to `path`: whole or not at
/// all. Gives the number of records of each block, and the checksum of the file.
///
/// # Errors
/// If the questions or the journal cannot be read, or the disk is full.
pub fn write(
    path: &Path,
    blocks: impl Iterator<Item = Result<Block>>,
    recorded: &Recorded,
    index: Option<&SearchIndex>,
    counts: &mut Counts,
) -> Result<(Vec<usize>, u32)> {
    artifact::write_file_with(path, |file| {
        let (mut per_block, mut checksum) = (Vec::new(), 0);
        for block in blocks {
            let block = block?;
            let mut written = 0;
            for record in records(&block, recorded, index)? {
                match record {
                    Ok(record) => {
                        let mut line = serde_json::to_vec(&record).map_err(|error| Error::io(path, error.into()))?;
                        line.push(b'\n');
                        checksum = crc32c::crc32c_append(checksum, &line);
                        file.write_all(&line).map_err(|error| Error::io(path, error))?;
                        written += 1;
                    }
                    Err(reason) => *counts.skipped.entry(reason).or_default() += 1,
                }
            }
            counts.records += written as u64;
            per_block.push(written);
        }
        Ok((per_block, checksum))
    })
}

/// The record of each question of a block, or why it has none.
fn records(block: &Block, recorded: &Recorded, index: Option<&SearchIndex>) -> Result<Vec<std::result::Result<Record, String>>> {
    let lost = || {
        let (journal, number) = (recorded.path().display(), block.number);
        Error::failed(format!("{journal}: the answers of block {number} are missing; start over with --overwrite"))
    };
    let ranked = recorded.ranked(block.number)?.ok_or_else(lost)?;
    let mut answers = recorded.answered(block.number)?;
    let each = block.questions.iter().zip(ranked).enumerate();
    each.map(|(place, (question, ranked))| match answers.remove(&place).ok_or_else(lost)? {
        TeacherAnswer::Skipped(reason) => Ok(Err(reason)),
        TeacherAnswer::Answer(answer) => Ok(Ok(record(question, ranked, answer, index)?)),
    })
    .collect()
}

fn record(question: &CorpusQuestion, ranked: Ranked, answer: String, index: Option<&SearchIndex>) -> Result<Record> {
    let documents = ranking::texts(index, question, &ranked)?;
    let mut extra = Map::new();
    let reranking_scores = match ranked {
        Ranked::Found { ids, scores } => {
            extra.insert("document_ids".into(), json!(ids));
            scores
        }
        Ranked::Given { scores, .. } => scores,
        Ranked::Skipped { .. } => None,
    };
    Ok(Record {
        id: question.id.clone(),
        query: question.query.clone(),
        documents,
        answer: Some(answer),
        gold_answers: question.gold_answers.clone(),
        reranking_scores,
        line: 0,
        extra,
    })
}
