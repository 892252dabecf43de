//! Errors of indexes.

use std::path::PathBuf;

/// Why an index cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// There is none.
    #[error("{} contains no index; build one with `scaledown index build`", .0.display())]
    Missing(PathBuf),
    /// There is one where a new one is to be made.
    #[error("{} already contains an index; add to it with `scaledown index add`, or rebuild it with `--overwrite`", .0.display())]
    Exists(PathBuf),
    /// The run that added documents ended while they were being taken in.
    #[error(
        "{}: an earlier `scaledown index add` was interrupted; run it again, or rebuild the index with `scaledown index build --overwrite`", .0.display()
    )]
    Incomplete(PathBuf),
    /// Other documents are added where an addition is to be brought to its end.
    #[error(
        "{}: an earlier `scaledown index add` of other documents was interrupted; run that one again, or rebuild the index with `scaledown index build --overwrite`", .0.display()
    )]
    OtherAddition(PathBuf),
    /// Another run changes it.
    #[error("{}: locked by another process that writes this index; wait for it to end", .0.display())]
    Locked(PathBuf),
    /// Another run searches it.
    #[error("{}: locked by another process that searches this index; wait for it to end", .0.display())]
    Searched(PathBuf),
    /// There is nothing to index.
    #[error("{}: the corpus has no documents; check corpus.path", .0.display())]
    Empty(PathBuf),
    /// A file is damaged.
    #[error("{}: {message}; rebuild the index with `scaledown index build --overwrite`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        message: String,
    },
    /// It was made from something else than the configuration says.
    #[error("{}: the index was built with {key} = {was}, the configuration has {now}; restore it, or rebuild the index", path.display())]
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
    #[error("duplicate id `{0}`; document ids must be unique")]
    Duplicate(String),
    /// The retriever knows a document that the chunks do not have.
    #[error("{}: the text of document `{id}` is missing; rebuild the index", path.display())]
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
        /// The error of the operating system or the store.
        source: std::io::Error,
    },
}

impl crate::error::Cause for IndexError {}
