//! Errors of metrics logs.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::support::artifact::ArtifactError;

/// A log of metrics that cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackingError {
    /// The file system has no room left, or a quota is used up.
    #[error(
        "the disk is full: cannot log metrics to {path}; free some space and run the command again, with --resume if it has written a checkpoint"
    )]
    DiskFull {
        /// The log.
        path: PathBuf,
    },
    /// Any other failure of the file system.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// The attempted action, as a verb.
        action: &'static str,
        /// The log.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The log could not be put back to an earlier step.
    #[error(transparent)]
    Rewrite(#[from] ArtifactError),
}

impl crate::error::Cause for TrackingError {}

impl TrackingError {
    pub(super) fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => TrackingError::DiskFull { path: path.to_owned() },
            _ => TrackingError::Io { action, path: path.to_owned(), source },
        }
    }
}
