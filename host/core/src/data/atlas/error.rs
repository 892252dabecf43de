//! Errors of the encyclopedia.

use std::path::PathBuf;

/// The result of every fallible function of the [`atlas`](crate::data::atlas) module.
pub type AtlasResult<T> = std::result::Result<T, AtlasError>;

/// An error in generating or writing the encyclopedia.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AtlasError {
    /// A setting is out of its range.
    #[error("atlas.{key} is {found}, but {expected}")]
    Config {
        /// The key of [`AtlasConfig`](super::AtlasConfig).
        key: String,
        /// The value found.
        found: String,
        /// The expected value, for a message.
        expected: String,
    },
    /// A file or directory cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file cannot be replaced whole.
    #[error(transparent)]
    Artifact(#[from] crate::support::artifact::ArtifactError),
    /// The tokenizer library refused the Atlas vocabulary.
    #[error("cannot build the Atlas tokenizer: {0}")]
    Tokenizer(String),
}

impl crate::error::Cause for AtlasError {}
