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
    /// Documents were being added when the process ended.
    #[error("{}: adding documents to it was interrupted; run `scaledown index add` again", .0.display())]
    Incomplete(PathBuf),
    /// The description is not one.
    #[error("{}: {message}; make the index again with `scaledown index build --overwrite`", path.display())]
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
        /// What the store said.
        source: Box<redb::Error>,
    },
}
