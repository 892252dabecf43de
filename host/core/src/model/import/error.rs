//! Why a checkpoint cannot be imported.

use std::path::PathBuf;

/// Why a checkpoint cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The directory holds no checkpoint that can be imported.
    #[error("{path}: {message}")]
    Layout {
        /// The directory or file.
        path: PathBuf,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// A pickle holds something else than tensors, or is damaged.
    #[error("{path}: {message}; only pickles of tensors by name are read, and nothing in them is run")]
    Pickle {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A tensor is missing or has another shape.
    #[error("{path}: {tensor} {message}")]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it.
        message: String,
    },
    /// The tokenizer and the embeddings do not belong together.
    #[error("{path}: {message}")]
    Tokenizer {
        /// The tokenizer's file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// The result of what reads a checkpoint.
pub(super) type Checked<T> = std::result::Result<T, ImportError>;

impl crate::error::Cause for ImportError {}

impl ImportError {
    pub(super) fn layout(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        ImportError::Layout { path: path.into(), message: message.into() }
    }
}
