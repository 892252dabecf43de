//! The corpus: a table of the configuration to a stream of documents.

use crate::Result;

/// A document of a corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorpusDocument {
    /// What the corpus calls it; never empty.
    pub id: String,
    /// The title; empty where there is none.
    pub title: String,
    /// The text.
    pub text: String,
}

/// A pass over a corpus. After a document that cannot be read the next one comes, unless the stream
/// ends.
pub type CorpusDocuments = Box<dyn Iterator<Item = Result<CorpusDocument>>>;

/// Documents, whatever they are stored as.
pub trait Corpus: Send + Sync {
    /// A pass over all documents, from the first on, in an order that is the same each time. No
    /// more than a few are held in memory.
    ///
    /// # Errors
    /// If the corpus cannot be opened.
    fn documents(&self) -> Result<CorpusDocuments>;
}

/// What a corpus is built from, beside its own configuration.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CorpusContext {}

/// A corpus that a plugin offers.
pub trait CorpusPlugin: Corpus + Sized + 'static {
    /// Its configuration: the keys of `[corpus]` that are its own.
    type Config: serde::de::DeserializeOwned + schemars::JsonSchema;

    /// Makes the corpus.
    ///
    /// # Errors
    /// If the configuration cannot be used, or what it names is not there.
    fn build(config: Self::Config, context: CorpusContext) -> Result<Self>;
}
