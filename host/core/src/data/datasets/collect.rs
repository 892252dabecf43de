//! Ready-made sets, each from the hub or from a file, as one file of training records.

use std::path::Path;

use super::{Set, WrittenDataset, from_file, from_hub, write};
use crate::error::{Error, Result};
use crate::support::artifact::write_file_with;
use crate::support::hub;
use crate::support::progress::Progress;

/// Where a set is read from, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct DatasetSource<'a> {
    /// A local copy in the set's original format, or a Parquet file of the hub's; otherwise the hub
    /// is asked.
    pub file: Option<&'a Path>,
    /// The split of the dataset on the hub.
    pub split: &'a str,
    /// The maximum records per dataset.
    pub limit: Option<usize>,
    /// How the hub is asked.
    pub hub: &'a hub::HubSettings,
}

/// Writes the records of `sets` to the file `out`. Returns a summary per dataset.
///
/// # Errors
/// If a set cannot be had or read, has no question that can be trained on, or is read from the file
/// that is to be written; or if that cannot be written.
pub fn collect(sets: &[Set], source: DatasetSource<'_>, out: &Path, progress: &dyn Progress) -> Result<Vec<WrittenDataset>> {
    let same = |from: &Path| Some(from.canonicalize().ok()? == out.canonicalize().ok()?);
    if source.file.and_then(same) == Some(true) {
        let message = format!("{}: is also the input; choose another --out", out.display());
        return Err(Error::usage(message));
    }
    write_file_with(out, |file| {
        let mut all = Vec::with_capacity(sets.len());
        for &set in sets {
            let examples = match source.file {
                Some(path) => from_file(set, path)?,
                None => from_hub(set, source.split, source.hub)?,
            };
            // Ids of several datasets get a prefix.
            let prefix = if sets.len() > 1 { format!("{}-", set.name()) } else { String::new() };
            let bar = progress.spinner(set.name());
            let written = write(set, examples, source.limit, &prefix, file, &*bar)?;
            drop(bar);
            message(&written, source.limit, source.file, progress)?;
            all.push(written);
        }
        Ok::<_, Error>(all)
    })
}

/// Warns of what a user may not expect of the records, and refuses to write none.
fn message(written: &WrittenDataset, limit: Option<usize>, from: Option<&Path>, progress: &dyn Progress) -> Result<()> {
    let local = from.is_some();
    let name = from.map_or_else(|| written.set.name().to_owned(), |from| format!("{} ({})", written.set.name(), from.display()));
    if written.records == 0 {
        let hint = match (written.set, written.without_documents) {
            (Set::TriviaQa, 1..) => {
                "; unpack the whole archive: page texts are read from `evidence`, next to the file or its directory"
            }
            _ => "",
        };
        let WrittenDataset { without_answer, without_documents, .. } = written;
        return Err(Error::failed(format!(
            "{name}: no usable question: {without_answer} have no answer, {without_documents} have no documents{hint}"
        )));
    }
    if let Some(limit) = limit.filter(|limit| written.records < *limit) {
        progress.warn(&format!("{name}: wrote {} records, fewer than the {limit} requested", written.records));
    }
    if local && written.set == Set::NaturalQuestions {
        progress.note("NQ-open has no documents: each record gets one made from its question and answers");
    }
    Ok(())
}
