//! Errors in files of records.

use std::{
    io,
    path::{Path, PathBuf},
};

/// A file that cannot be read, or a record that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file system refused.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A file without records.
    #[error("{path}: contains no records")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A record is not what it must be.
    #[error("{path}:{line}: {}{message}", field.as_ref().map(|field| format!("`{field}`: ")).unwrap_or_default())]
    Record {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, on which the record begins or its JSON breaks.
        line: u64,
        /// The field, such as `documents[2]`, if it is one field's fault.
        field: Option<String>,
        /// What was found and expected.
        message: String,
    },
    /// A file cannot be read any further.
    #[error("{path}{}{place}: {message}", if place.starts_with(|c: char| c.is_ascii_digit()) { ":" } else { ": " })]
    Broken {
        /// The file.
        path: PathBuf,
        /// Where: a line, or `row 17`.
        place: String,
        /// What was found and expected.
        message: String,
    },
    /// Something that stands on no line is not what it must be.
    #[error("{path}: {place}: {message}")]
    Content {
        /// The file.
        path: PathBuf,
        /// Where in the file: `row 17`, `data[3].paragraphs[0]`.
        place: String,
        /// What was found and expected.
        message: String,
    },
}

impl crate::error::Cause for DataError {}

impl DataError {
    /// Whether one record or question is at fault, and the next can be read.
    #[must_use]
    pub fn is_of_a_record(&self) -> bool {
        matches!(self, DataError::Record { .. } | DataError::Content { .. } | DataError::Broken { .. })
    }

    /// Whether one record is at fault and the next can be read.
    #[must_use]
    pub fn can_go_on(&self) -> bool {
        matches!(self, DataError::Record { .. } | DataError::Content { .. })
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| DataError::Io { path: path.to_owned(), source }
    }
}
