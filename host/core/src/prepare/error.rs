//! Errors of preparation.

use std::path::{Path, PathBuf};

use crate::support::artifact::ArtifactError;

/// Why records cannot be prepared or merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreparationError {
    /// The journal cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A file could not be written or locked.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The journal was changed by another program.
    #[error("{}:{line}: the journal is damaged ({message}); start over with --overwrite", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The problem.
        message: String,
    },
    /// The journal was begun by a version of ScaleDown that writes another format.
    #[error(
        "{}: journal format {found}, expected {expected}; resume with the version of ScaleDown that began the run, or start over with --overwrite", path.display()
    )]
    Version {
        /// The journal.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// This version's format.
        expected: u32,
    },
    /// Another process holds the run's lock.
    #[error("{}: locked by another run; wait for it to end, or choose another output directory", .0.display())]
    Busy(PathBuf),
    /// The run began with other settings or other questions.
    #[error("{}: cannot resume: {}; restore the earlier setting, or start over with --overwrite", path.display(), .changes.join("; "))]
    Changed {
        /// The journal.
        path: PathBuf,
        /// The changes, one sentence each.
        changes: Vec<String>,
    },
    /// A question cannot be prepared, and `preparation.on_error` is `stop`.
    #[error("question `{id}`: {message}; fix it and continue with --resume, or set preparation.on_error = \"skip\"")]
    CorpusQuestion {
        /// The question's id.
        id: String,
        /// What is wrong.
        message: String,
    },
    /// Records cannot be merged.
    #[error("{}: {message}", path.display())]
    Merge {
        /// The file or directory.
        path: PathBuf,
        /// The problem.
        message: String,
    },
}

impl crate::error::Cause for PreparationError {}

impl PreparationError {
    pub(super) fn io(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        move |source| PreparationError::Io { path: path.to_owned(), source }
    }
}
