//! Errors of artifacts.

use std::path::{Path, PathBuf};

/// Errors of artifacts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The operating system refused.
    #[error("cannot {action} {path}: {}", explain(source))]
    Io {
        /// `read`, `write`, `rename`, ...
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A file is damaged.
    #[error("{path} is damaged: {message}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it differs from its manifest.
        message: String,
    },
    /// A directory was written by a version that this one does not know.
    #[error("{path} has layout version {found}, expected {known}; use the version of ScaleDown that wrote it")]
    Version {
        /// The directory.
        path: PathBuf,
        /// The version of the directory.
        found: u32,
        /// The version that is known.
        known: u32,
    },
    /// The target contains files that ScaleDown did not write.
    #[error("{0} contains files that ScaleDown did not write; move them, or choose another output directory")]
    Foreign(PathBuf),
    /// A name would lead out of the directory.
    #[error("{0:?} is not a plain file name")]
    Name(String),
    /// The content of a file could not be made.
    #[error(transparent)]
    Content(scaledown_sdk::Error),
}

impl crate::error::Cause for ArtifactError {}

impl ArtifactError {
    pub(super) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| ArtifactError::Io { action, path, source }
    }
}

fn explain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::StorageFull => format!("the disk is full; free some space ({error})"),
        std::io::ErrorKind::QuotaExceeded => format!("the disk quota is used up ({error})"),
        _ => error.to_string(),
    }
}
