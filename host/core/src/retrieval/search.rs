//! A complete index.

use std::path::{Path, PathBuf};

use scaledown_sdk::Device;
use scaledown_sdk::component::{Hit, Retriever};

use super::IndexError;
use super::chunk_store::ChunkStore;
use super::config::IndexConfig;
use super::description::IndexManifest;
use super::place::{self, IndexPlace};
use super::stamp::Stamp;
use crate::Result;
use crate::plugins::registry;

/// The retriever of a configuration with its complete index.
pub struct SearchIndex {
    directory: PathBuf,
    retriever: Box<dyn Retriever>,
    chunks: ChunkStore,
    checksum: u32,
    chunked: bool,
}

/// A chunk that was found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FoundChunk {
    /// The chunk's id.
    pub id: String,
    /// How well it fits, on the retriever's own scale.
    pub score: f32,
    /// Its text.
    pub text: String,
}

impl SearchIndex {
    /// Opens the index of a configuration.
    ///
    /// # Errors
    /// If there is none, or it is unfinished, damaged or was made from something else; or if the
    /// retriever cannot be made. All files are read and their checksums compared, unless they were
    /// since they changed last.
    pub fn open(config: &IndexConfig<'_>, device: &Device) -> Result<Self> {
        let directory = config.directory.clone();
        let mut manifest = IndexManifest::read(&directory)?.ok_or_else(|| IndexError::Missing(directory.clone()))?;
        loop {
            let opened = Self::with(config, device, &directory, &manifest);
            // A build may have replaced it between the two steps; then another counts.
            match IndexManifest::read(&directory)? {
                Some(now) if opened.is_err() && now.build != manifest.build => manifest = now,
                _ => return opened,
            }
        }
    }

    fn with(config: &IndexConfig<'_>, device: &Device, directory: &Path, manifest: &IndexManifest) -> Result<Self> {
        if !manifest.complete && place::is_locked(directory) {
            return Err(IndexError::Locked(directory.to_owned()).into());
        }
        if !manifest.complete {
            return Err(IndexError::Incomplete(directory.to_owned()).into());
        }
        manifest.check(config, directory)?;
        let place = manifest.place(directory);
        let chunks = ChunkStore::open(&place)?;
        let count = chunks.len()?;
        if count != manifest.chunks {
            let message = format!("the file is damaged: it has {count} chunks, expected {}", manifest.chunks);
            return Err(IndexError::Damaged { path: place.chunks(), message }.into());
        }
        let retriever = registry::retriever(config.retriever, device, &place.retriever())?;
        let index = SearchIndex {
            directory: directory.to_owned(),
            retriever,
            chunks,
            checksum: manifest.checksum,
            chunked: manifest.corpus.chunking.is_some(),
        };
        index.verify_once(&place)?;
        Ok(index)
    }

    /// Reads all files of the index and compares checksums.
    ///
    /// # Errors
    /// The first file that is damaged.
    pub fn verify(&self) -> Result<()> {
        self.chunks.verify()?;
        Ok(self.retriever.verify()?)
    }

    /// Verifies an index whose files have not been since they were written last.
    fn verify_once(&self, place: &IndexPlace) -> Result<()> {
        let stamp = Stamp::of(place);
        if stamp.as_ref().is_some_and(|stamp| stamp.is_on(place)) {
            return Ok(());
        }
        let start = std::time::Instant::now();
        self.verify()?;
        tracing::info!("verified the index in {:.2} s: {}", start.elapsed().as_secs_f64(), self.directory.display());
        // Had they changed meanwhile, the stamp would not be theirs.
        if let Some(stamp) = stamp.filter(|stamp| Stamp::of(place).as_ref() == Some(stamp)) {
            stamp.put(place);
        }
        Ok(())
    }

    /// The best `k` chunks of each query, best first.
    ///
    /// # Errors
    /// If the index is damaged, or the service does not answer.
    pub fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<FoundChunk>>> {
        self.read(self.hits(queries, k)?)
    }

    /// The best `k` chunks of each query, best first, without their texts.
    ///
    /// # Errors
    /// If the index is damaged, or the service does not answer.
    pub fn hits(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        Ok(self.retriever.search(queries, k)?)
    }

    /// The same chunks with their texts.
    ///
    /// # Errors
    /// If one is not there.
    pub fn read(&self, hits: Vec<Vec<Hit>>) -> Result<Vec<Vec<FoundChunk>>> {
        let ids = hits.iter().flatten().map(|hit| hit.id.as_str());
        let mut texts = self.chunks.texts(ids)?.into_iter();
        let mut all = Vec::with_capacity(hits.len());
        for hits in hits {
            let mut found = Vec::with_capacity(hits.len());
            for hit in hits {
                let text = texts.next().flatten();
                let text = text.ok_or_else(|| IndexError::NoText { path: self.directory.clone(), id: hit.id.clone() })?;
                found.push(FoundChunk { id: hit.id, score: hit.score, text });
            }
            all.push(found);
        }
        Ok(all)
    }

    /// The texts of chunks.
    ///
    /// # Errors
    /// If one is not there.
    pub fn texts(&self, ids: &[String]) -> Result<Vec<String>> {
        let texts = self.chunks.texts(ids.iter().map(String::as_str))?;
        let text = |(text, id): (Option<String>, &String)| {
            text.ok_or_else(|| IndexError::NoText { path: self.directory.clone(), id: id.clone() }.into())
        };
        texts.into_iter().zip(ids).map(text).collect()
    }

    /// Whether the corpus was cut into chunks; without that, chunks are whole documents and have
    /// their ids.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        self.chunked
    }

    /// Where the index is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The number of chunks.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn count(&self) -> Result<u64> {
        Ok(self.chunks.len()?)
    }

    /// The checksum of all ids and texts: `crc32c:` and eight digits.
    #[must_use]
    pub fn checksum(&self) -> String {
        format!("crc32c:{:08x}", self.checksum)
    }

    /// The retriever's statistics.
    #[must_use]
    pub fn stats(&self) -> Vec<(String, String)> {
        self.retriever.stats()
    }
}
