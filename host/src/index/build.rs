//! Making an index, and adding to one.

use std::path::Path;

use indicatif::ProgressBar;
use scaledown_sdk::component::Document;
use scaledown_sdk::{Device, Error as SdkError};

use super::IndexError;
use super::chunk_store::Addition;
use super::description::{Manifest, VERSION};
use super::search::{SearchIndex, chunks_file, retriever_directory};
use crate::config::Config;
use crate::corpus::Chunks;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use crate::{Error, Result, catalogue};

/// Makes the index of a configuration's corpus. What an unfinished build left is removed first.
///
/// # Errors
/// If there is an index and it is not to be overwritten; if a document cannot be read or two have one id; if the index cannot be written, or
/// the user interrupts.
pub fn build(
    config: &Config,
    device: &Device,
    overwrite: bool,
    terminal: &Terminal,
    interrupt: &Interrupt,
) -> Result<SearchIndex> {
    let directory = config.index_directory();
    if Manifest::read(&directory)?.is_some() && !overwrite {
        return Err(IndexError::Exists(directory).into());
    }
    let corpus = config.require_corpus()?;
    let retriever = config.require_retriever()?.clone();
    let chunks = Chunks::open(corpus)?;
    // Not before all is opened that a mistake in the configuration could have named.
    remove(&directory)?;
    std::fs::create_dir_all(&directory).map_err(|error| Error::io(&directory, error))?;
    let manifest = Manifest {
        version: VERSION,
        scaledown: env!("CARGO_PKG_VERSION").into(),
        retriever,
        corpus: corpus.clone(),
        checksum: 0,
        additions: 1,
        complete: false,
    };
    Filling { config, device, terminal, interrupt, directory: &directory }.run(manifest, chunks)
}

/// Adds the documents of a configuration's corpus to its index; those whose ids are there are replaced.
///
/// # Errors
/// If there is no index; otherwise as [`build()`].
pub fn add(config: &Config, device: &Device, terminal: &Terminal, interrupt: &Interrupt) -> Result<SearchIndex> {
    let directory = config.index_directory();
    let mut manifest = Manifest::read(&directory)?.ok_or_else(|| IndexError::Missing(directory.clone()))?;
    manifest.check(config, &directory)?;
    let chunks = Chunks::open(config.require_corpus()?)?;
    manifest.additions += 1;
    manifest.complete = false;
    manifest.write(&directory)?;
    Filling { config, device, terminal, interrupt, directory: &directory }.run(manifest, chunks)
}

/// Removes what an index is made of, and nothing else that may lie in the directory.
fn remove(directory: &Path) -> Result<()> {
    for path in [directory.join("index.json"), chunks_file(directory), retriever_directory(directory)] {
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(&path, error)),
            _ => {}
        }
    }
    Ok(())
}

struct Filling<'a> {
    config: &'a Config,
    device: &'a Device,
    terminal: &'a Terminal,
    interrupt: &'a Interrupt,
    directory: &'a Path,
}

impl Filling<'_> {
    /// Adds chunks to the store and to the retriever; then the index is complete.
    fn run(&self, mut manifest: Manifest, chunks: Chunks) -> Result<SearchIndex> {
        let mut retriever =
            catalogue::retriever(self.config.require_retriever()?, self.device, &retriever_directory(self.directory))?;
        let mut stream = Stream {
            chunks,
            addition: Addition::start(&chunks_file(self.directory), manifest.additions)?,
            checksum: manifest.checksum,
            bar: self.terminal.spinner("indexing"),
            count: 0,
            interrupt: self.interrupt,
            failure: None,
        };
        let indexed = retriever.index(&mut stream);
        let Stream { addition, checksum, bar, failure, .. } = stream;
        bar.finish_and_clear();
        if let Some(failure) = failure {
            return Err(failure);
        }
        indexed?;
        addition.finish()?;
        manifest.checksum = checksum;
        manifest.complete = true;
        manifest.write(self.directory)?;
        drop(retriever);
        SearchIndex::open(self.config, self.device)
    }
}

/// The chunks as the retriever reads them; on the way, each is put into the store.
struct Stream<'a> {
    chunks: Chunks,
    addition: Addition,
    checksum: u32,
    bar: ProgressBar,
    count: u64,
    interrupt: &'a Interrupt,
    /// What ended the stream, in the host's own words: the retriever gets to know only that it ended.
    failure: Option<Error>,
}

impl Stream<'_> {
    fn take(&mut self) -> Result<Option<Document>> {
        if self.interrupt.requested() {
            return Err(Error::Interrupted("the index is not finished; run the command again".into()));
        }
        let Some(chunk) = self.chunks.next().transpose()? else { return Ok(None) };
        self.addition.put(&chunk.id, &chunk.text)?;
        for part in [&chunk.id, &chunk.text] {
            // The length keeps an id's end and a text's beginning apart.
            self.checksum = crc32c::crc32c_append(self.checksum, &(part.len() as u64).to_le_bytes());
            self.checksum = crc32c::crc32c_append(self.checksum, part.as_bytes());
        }
        self.count += 1;
        if self.count.is_multiple_of(100) {
            self.bar.set_message(format!("{} chunks, {:.0} a second", self.count, self.rate()));
        }
        Ok(Some(Document { id: chunk.id, text: chunk.text }))
    }

    fn rate(&self) -> f64 {
        self.count as f64 / self.bar.elapsed().as_secs_f64().max(1e-9)
    }
}

impl Iterator for Stream<'_> {
    type Item = scaledown_sdk::Result<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failure.is_some() {
            return None;
        }
        self.take()
            .map_err(|error| self.failure = Some(error))
            .map_or_else(|()| Some(Err(SdkError::Input("the corpus could not be read".into()))), |document| document.map(Ok))
    }
}
