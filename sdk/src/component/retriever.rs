//! The retriever: a corpus to the documents that answer a query best.

#[cfg(not(target_arch = "wasm32"))]
use std::path::PathBuf;

use super::PluginStorage;
use crate::Result;
use crate::tensor::Device;

/// A document of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name, unique within the corpus.
    pub id: String,
    /// The searched text.
    pub text: String,
}

/// A document that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The document's id.
    pub id: String,
    /// How well it fits; a greater score is better. The scale is the retriever's own.
    pub score: f32,
}

/// Finds documents. An index in this process, one on disk and a remote service look alike.
pub trait Retriever: Send + Sync {
    /// Adds documents to the index and returns their number. A document with a known id
    /// replaces the older one, and of several with one id the last counts, so that an interrupted
    /// call may be repeated. When it returns, all are found, and what the retriever keeps on disk
    /// is complete.
    ///
    /// The stream is read once, from its start, and never held whole in memory.
    ///
    /// # Errors
    /// The stream's first error; or if the index cannot be written, or the service does not answer.
    /// Each document is then found in its old or its new version;
    /// [`Retriever::all_or_nothing`] promises more.
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64>;

    /// The best `k` documents of each query, in the order of `queries`, best first; fewer where
    /// fewer match. Documents of equal scores stand in the order of their ids, byte by byte, so
    /// that the same call gives the same answer, whatever the index's history.
    ///
    /// # Errors
    /// If the index cannot be read, or the service does not answer.
    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>>;

    /// Whether indexing is atomic: after a failed or killed call of [`Retriever::index`], searches
    /// see the old or the new index, never a mixture; after an error, the old one. Services promise
    /// less: documents of a failed call stay, each document is found once, in its old or new
    /// version, and repeating the call completes it.
    fn all_or_nothing(&self) -> bool {
        false
    }

    /// Reads everything that the retriever keeps on disk and compares checksums.
    ///
    /// # Errors
    /// The first damaged file, with what to do; or that there is no index.
    fn verify(&self) -> Result<()> {
        Ok(())
    }

    /// Statistics of the index, as names and values: its size, its precision.
    fn stats(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// The context that a retriever is built in.
pub struct RetrieverContext {
    /// The device that an encoder runs on.
    pub device: Device,
    /// The directory that an index in this process keeps its files in. It may not exist yet, and
    /// nothing else is in it.
    #[cfg(not(target_arch = "wasm32"))]
    pub directory: PathBuf,
    /// What the host keeps for the component.
    #[cfg(target_arch = "wasm32")]
    pub(crate) storage: PluginStorage,
}

impl RetrieverContext {
    /// What the retriever keeps on disk, as values by name. A retriever that keeps all that it has
    /// there is built natively and as a component from one source.
    #[must_use]
    pub fn storage(&self) -> PluginStorage {
        #[cfg(not(target_arch = "wasm32"))]
        return PluginStorage::new(&self.directory);
        #[cfg(target_arch = "wasm32")]
        return self.storage.clone();
    }
}

/// A retriever that a plugin offers.
pub trait RetrieverPlugin: Retriever + Sized + 'static {
    /// Its configuration: the keys of `[retriever]` beside `plugin`.
    type Config: serde::de::DeserializeOwned + schemars::JsonSchema;

    /// Makes the retriever, and opens the index in the context's directory if there is one.
    ///
    /// # Errors
    /// If the configuration cannot be used, or a model or an index cannot be read.
    fn build(config: Self::Config, context: RetrieverContext) -> Result<Self>;
}
