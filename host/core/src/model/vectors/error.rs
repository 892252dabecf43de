//! What can go wrong with stored vectors.

use std::path::{Path, PathBuf};

use crate::support::artifact::ArtifactError;

/// What can go wrong with stored vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorsError {
    /// The directory has no vectors.
    #[error("{0} holds no vectors; make them with `scaledown compress`")]
    Missing(PathBuf),
    /// A file is not what was written, or cannot be read.
    #[error("{path}: {message}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// They were made by another compressor, or in another shape.
    #[error("{path} holds the vectors of another compressor: {message}; rebuild them with `scaledown compress`")]
    Origin {
        /// The directory.
        path: PathBuf,
        /// What differs.
        message: String,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] ArtifactError),
}

impl crate::error::Cause for VectorsError {}

impl VectorsError {
    pub(super) fn file(path: &Path, message: impl std::fmt::Display) -> Self {
        VectorsError::File { path: path.to_owned(), message: message.to_string() }
    }
}
