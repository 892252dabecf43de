//! What can go wrong with an index.

use std::path::PathBuf;

/// Why an index cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// There is none.
    #[error("{} holds no index; make one with `scaledown index build`", .0.display())]
    Missing(PathBuf),
    /// There is one where a new one is to be made.
    #[error("{} holds an index; `scaledown index add` adds to it, `--overwrite` makes it anew", .0.display())]
    Exists(PathBuf),
    /// The run that added documents ended while they were being taken in.
    #[error(
        "{}: the run that added documents to it did not come to its end; run the same `scaledown index add` again, or build the index \
         again with `scaledown index build --overwrite`", .0.display()
    )]
    Incomplete(PathBuf),
    /// Other documents are added where an addition is to be brought to its end.
    #[error(
        "{}: the run that added documents to it did not come to its end, and these are other documents; add the same as then, or build \
         the index again with `scaledown index build --overwrite`", .0.display()
    )]
    OtherAddition(PathBuf),
    /// Another run changes it.
    #[error("{}: another run is building this index or adding to it; wait until that has ended", .0.display())]
    Locked(PathBuf),
    /// Another run searches it.
    #[error("{}: another run is searching this index; documents can be added once that has ended", .0.display())]
    Searched(PathBuf),
    /// There is nothing to index.
    #[error("{}: the corpus has no documents; corpus.path must name a file or directory with some", .0.display())]
    Empty(PathBuf),
    /// A file is not as it was written.
    #[error("{}: {message}; build the index again with `scaledown index build --overwrite`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// It was made from something else than the configuration says.
    #[error("{}: the index was made with {key} = {was}, and the configuration has {now}; set it back, or make the index again", path.display())]
    Other {
        /// The index's directory.
        path: PathBuf,
        /// The key of the configuration.
        key: String,
        /// Its value when the index was made.
        was: String,
        /// Its value now.
        now: String,
    },
    /// Two chunks have one id.
    #[error("the id `{0}` is there a second time; every document of a corpus needs its own")]
    Duplicate(String),
    /// The retriever knows a document that the chunks do not have.
    #[error("{}: the retriever found the document `{id}`, whose text is not there; make the index again", path.display())]
    NoText {
        /// The index's directory.
        path: PathBuf,
        /// The document's id.
        id: String,
    },
    /// The file of chunks cannot be read or written.
    #[error("{}: {source}", path.display())]
    Chunks {
        /// The file.
        path: PathBuf,
        /// What the operating system or the store said.
        source: std::io::Error,
    },
}

impl crate::error::Cause for IndexError {}
