//! The errors of the host, and how one is told on the command line.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::config::ConfigError;
use crate::data::atlas;
use crate::data::records::DataError;
use crate::evaluate::report::ReportError;
use crate::prepare::PreparationError;
use crate::retrieval::IndexError;
use crate::support::artifact::ArtifactError;
use crate::support::hub::HubError;
use crate::text::TextError;
use crate::train::TrainingError;
use crate::train::tracking::TrackingError;

/// What to do where a disk is full.
const FREE_SPACE: &str = "free some space";

/// The result of the host's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What can stop a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A component, a model or a device failed.
    #[error(transparent)]
    Component(#[from] scaledown_sdk::Error),
    /// A model could not be found or downloaded.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A file of records cannot be read.
    #[error(transparent)]
    Records(#[from] DataError),
    /// An index cannot be made or used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Records cannot be prepared.
    #[error(transparent)]
    Preparation(#[from] PreparationError),
    /// A metrics log could not be written.
    #[error(transparent)]
    Tracking(#[from] TrackingError),
    /// A training ended before its time.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// A text could not be tokenized.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A report could not be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A result could not be written or read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The embedded data set cannot be made.
    #[error(transparent)]
    Atlas(#[from] atlas::Error),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: String,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Standard output could not be written to.
    #[error("could not write to standard output: {0}")]
    Stdout(std::io::Error),
    /// The command was used in a way that it does not allow.
    #[error("{0}")]
    Usage(String),
    /// A file has content that cannot be used.
    #[error("{place}: {message}")]
    Data {
        /// The file, and the line or record where it is known.
        place: String,
        /// What was found, what was expected, and what to do.
        message: String,
    },
    /// Something cannot be done, for a reason that is no fault of a file or a component.
    #[error("{0}")]
    Failed(String),
    /// The user asked to stop, and the command stopped where its work is safe.
    #[error("interrupted; {0}")]
    Interrupted(String),
}

impl Error {
    /// An [`Error::Io`] for `path`.
    #[must_use]
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Error::Io { path: path.as_ref().display().to_string(), source }
    }

    /// An [`Error::Data`] at a line (from 1) of a file.
    #[must_use]
    pub fn line(path: impl AsRef<Path>, line: usize, message: impl Into<String>) -> Self {
        Error::Data { place: format!("{}:{line}", path.as_ref().display()), message: message.into() }
    }

    /// The exit code of a process that ends with this error: 2 for wrong usage, 130 for an interruption, 1 otherwise.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::Interrupted(_) => 130,
            _ => 1,
        }
    }

    /// Whether the reader of our output went away, which is no failure: `scaledown plugin list | head -1`.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Error::Stdout(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// The error with everything that caused it, each said once; and what to do where a disk is full, whoever met that.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut sentence = self.to_string();
        let mut cause = std::error::Error::source(self);
        let mut is_full = false;
        while let Some(error) = cause {
            let text = error.to_string();
            if !sentence.contains(&text) {
                sentence = format!("{sentence}: {text}");
            }
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            is_full |= matches!(kind, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded));
            cause = error.source();
        }
        if is_full && !sentence.contains(FREE_SPACE) {
            sentence = format!("{sentence}; {FREE_SPACE} and run the command again");
        }
        sentence
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, ErrorKind};
    use crate::prepare::PreparationError;

    #[test]
    fn a_full_disk_is_told_with_what_to_do() {
        let full =
            |kind: ErrorKind| Error::from(PreparationError::Io { path: "journal.jsonl".into(), source: kind.into() }).sentence();
        let told = full(ErrorKind::StorageFull);
        assert_eq!(told, "journal.jsonl: no storage space; free some space and run the command again");
        assert_eq!(full(ErrorKind::PermissionDenied), "journal.jsonl: permission denied");
        let component = scaledown_sdk::Error::io("meta", ErrorKind::StorageFull.into());
        assert!(Error::from(component).sentence().ends_with("; free some space and run the command again"));
    }

    #[test]
    fn a_cause_is_said_once() {
        let disk = || std::io::Error::other("disk full");
        assert_eq!(Error::io("a/b", disk()).sentence(), "a/b: disk full");
        let nested = Error::Component(scaledown_sdk::Error::io("w.safetensors", disk()).at("layers.0").at("model"));
        assert_eq!(nested.sentence(), "in model.layers.0: w.safetensors: disk full");
    }

    #[test]
    fn exit_codes_tell_usage_and_interruption_apart() {
        assert_eq!(Error::Usage(String::new()).exit_code(), 2);
        assert_eq!(Error::Interrupted(String::new()).exit_code(), 130);
        assert_eq!(Error::Failed(String::new()).exit_code(), 1);
    }

    #[test]
    fn only_a_closed_standard_output_is_a_broken_pipe() {
        let error = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(Error::Stdout(error()).is_broken_pipe());
        assert!(!Error::io("file", error()).is_broken_pipe());
    }
}
