//! Writes the records of a set.

use std::io::Write;

use serde::Serialize;

use super::{DatasetItem, Examples, Set};
use crate::error::{Error, Result};
use crate::support::progress::Bar;

/// The summary of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenDataset {
    /// The set.
    pub set: Set,
    /// The records that were written.
    pub records: usize,
    /// Skipped questions without an answer.
    pub without_answer: usize,
    /// Skipped questions without documents.
    pub without_documents: usize,
}

/// Writes at most `limit` records as JSON Lines; each id begins with `prefix`. Sets the number of
/// records on `bar`.
///
/// # Errors
/// If a question cannot be read, or `out` not be written to.
pub fn write(
    set: Set,
    examples: Examples,
    limit: Option<usize>,
    prefix: &str,
    out: &mut dyn Write,
    bar: &dyn Bar,
) -> Result<WrittenDataset> {
    let mut written = WrittenDataset { set, records: 0, without_answer: 0, without_documents: 0 };
    let mut examples = examples;
    while limit.is_none_or(|limit| written.records < limit) {
        match examples.next().transpose()? {
            None => break,
            Some(DatasetItem::NoAnswer) => written.without_answer += 1,
            Some(DatasetItem::NoDocuments) => written.without_documents += 1,
            Some(DatasetItem::Record(mut record)) => {
                record.id.insert_str(0, prefix);
                let line = serde_json::to_string(&record).map_err(Error::failed)?;
                writeln!(out, "{line}").map_err(|error| Error::io("the records", error))?;
                written.records += 1;
                bar.say(&format!("{} records", written.records));
            }
        }
    }
    Ok(written)
}
