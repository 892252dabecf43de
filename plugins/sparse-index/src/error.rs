//! Errors, one sentence each.

use std::path::{Path, PathBuf};

/// Why an index could not be built, changed, opened or searched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused something.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// The attempted action, as a verb: "read", "write".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The directory holds no index.
    #[error("{} contains no sparse index (no MANIFEST); build one first", path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// An index is built where there is one.
    #[error("{} already contains a sparse index; append to it, or remove the directory to build a new one", path.display())]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not part of a sparse index: {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        what: String,
    },
    /// The file is of a format that this version does not read.
    #[error("{} has sparse-index format {found}, expected {expected}; rebuild the index", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u32,
        /// The format that is read.
        expected: u32,
    },
    /// The file was written by this crate and changed since.
    #[error("{} is damaged: {what}; restore a copy, or rebuild the index", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The mismatch.
        what: String,
    },
    /// Another writer has locked the index.
    #[error("{} is locked by another writer; wait for it to finish", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// Two documents have one id.
    #[error("duplicate document id {id:?}; document ids must be unique, unless later documents replace earlier ones")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// A document cannot be stored.
    #[error("document {id:?} cannot be indexed: {what}")]
    Document {
        /// The id of the document.
        id: String,
        /// The mismatch.
        what: String,
    },
    /// A query cannot be answered.
    #[error("the query cannot be answered: {what}")]
    Query {
        /// The mismatch.
        what: String,
    },
    /// A setting is out of range.
    #[error("the index setting {key} = {value} is out of range: expected {expected}")]
    Setting {
        /// The name of the field of [`IndexSettings`](crate::IndexSettings).
        key: &'static str,
        /// Its value.
        value: String,
        /// Its allowed values.
        expected: &'static str,
    },
    /// A number of the format is exhausted.
    #[error("the index is full: {what}")]
    Full {
        /// Which limit was met.
        what: &'static str,
    },
}

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}
