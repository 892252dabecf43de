//! `scaledown compress`: the vectors of documents, computed once.

use std::path::Path;

use super::{Directory, open_device};
use crate::config::Config;
use crate::data::corpus::Chunks;
use crate::data::records;
use crate::model::{LanguageModel, Oscar, Role, StoredOscar};
use crate::support::progress::Progress;
use crate::{Error, Result};

/// Documents that are compressed together.
const BATCH: usize = 32;

/// What was done.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct CompressedDocuments {
    /// The documents whose vectors were computed.
    pub computed: usize,
    /// The documents whose vectors are there, those of earlier runs included.
    pub stored: usize,
    /// Whether the work was stopped before its end; the same command continues it.
    pub interrupted: bool,
}

/// Computes the vectors of the documents of `records`, or else of the chunks of the configuration's
/// corpus, with the model that a training of `config` wrote, or the one in `checkpoint`, and writes
/// them to the directory `out`. Vectors that are there already are not computed again.
///
/// # Errors
/// If the compressor reads the question, a document cannot be read, or the device or the disk
/// fails.
pub fn compress(
    config: &Config,
    checkpoint: Option<&Path>,
    records: Option<&Path>,
    out: &Path,
    progress: &dyn Progress,
) -> Result<CompressedDocuments> {
    // All of them are computed here.
    let config = &config.without_vectors();
    let directory = checkpoint.map_or_else(|| Directory::of(config).model(), Path::to_owned);
    let stored = StoredOscar::open(&directory)?;
    let device = open_device(config)?;
    // Nothing is merged: the vectors are marked with the generator's own weights.
    let oscar = Oscar::new(&config.for_compressor()?, LanguageModel::load(&config.for_model()?, &device, Role::Adapted)?)?;
    stored.load(&oscar)?;
    let bar = progress.spinner("compressing");
    let mut writing = Writing { oscar: &oscar, writer: oscar.vector_writer(out)?, waiting: Vec::new(), computed: 0 };
    let mut read = 0_usize;
    let mut interrupted = false;
    for text in documents(config, records)? {
        writing.add(&text?)?;
        read += 1;
        if read.is_multiple_of(BATCH) {
            bar.say(&format!("{read} documents, {} computed", writing.computed));
            interrupted = progress.cancelled();
        }
        if interrupted {
            break;
        }
    }
    writing.flush()?;
    writing.writer.finish()?;
    Ok(CompressedDocuments { computed: writing.computed, stored: writing.writer.len(), interrupted })
}

/// The texts to compress.
fn documents<'a>(config: &'a Config, records: Option<&Path>) -> Result<Box<dyn Iterator<Item = Result<String>> + 'a>> {
    match records {
        Some(path) => {
            let records = records::read(path, None)?;
            Ok(Box::new(records.into_iter().flat_map(|record| record.documents).map(Ok)))
        }
        None => Ok(Box::new(Chunks::open(config.require_corpus()?)?.map(|chunk| chunk.map(|chunk| chunk.text)))),
    }
}

/// Documents on their way to the disk.
struct Writing<'a> {
    oscar: &'a Oscar,
    writer: crate::model::VectorWriter,
    /// The tokens of those that are not compressed yet.
    waiting: Vec<Vec<u32>>,
    computed: usize,
}

impl Writing<'_> {
    fn add(&mut self, text: &str) -> Result<()> {
        let ids = self.oscar.pair("", text)?;
        if !self.writer.contains(crate::model::vector_key(&ids)) && !self.waiting.contains(&ids) {
            self.waiting.push(ids);
        }
        if self.waiting.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let vectors = self.oscar.vectors_in_bf16(&waiting).map_err(Error::from)?;
        self.computed += waiting.len();
        for (ids, vectors) in waiting.iter().zip(vectors) {
            self.writer.add(crate::model::vector_key(ids), &vectors)?;
        }
        Ok(())
    }
}
