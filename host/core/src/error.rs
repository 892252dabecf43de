//! Errors of commands, and how the command line prints them.
//!
//! [`Error`] knows no room. Each room has its own error, implements [`Cause`] for it and matches on
//! it. Callers further up use [`Error::downcast_ref`].

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The hint for a full disk.
const FREE_SPACE: &str = "free some space";

/// The result of the host's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// An error that can be the cause of an [`Error`], which it then becomes with `?`.
pub trait Cause: StdError + Send + Sync + 'static {}

/// A component, a model or a device failed.
impl Cause for scaledown_sdk::Error {}

/// An error that stops a command.
#[derive(Debug)]
pub struct Error {
    kind: FailureKind,
    source: Box<dyn StdError + Send + Sync>,
}

/// The kind of an [`Error`], which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The command was used in a way that it does not allow.
    Usage,
    /// The user asked to stop, and the command stopped where its work is safe.
    Interrupted,
    /// Standard output could not be written to.
    Stdout,
    /// Anything else.
    Failed,
}

/// A file or directory with what the operating system says of it.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
struct AtPath {
    path: String,
    source: io::Error,
}

/// The attempted action and the reason of its failure.
#[derive(Debug, thiserror::Error)]
#[error("{message}: {source}")]
struct Because {
    message: String,
    source: Box<dyn StdError + Send + Sync>,
}

impl<E: Cause> From<E> for Error {
    fn from(error: E) -> Self {
        Error::failed(error)
    }
}

impl Error {
    fn new(kind: FailureKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Error { kind, source: source.into() }
    }

    /// The command was used in a way that it does not allow: how, and what it allows.
    pub fn usage(message: impl Into<String>) -> Self {
        Error::new(FailureKind::Usage, message.into())
    }

    /// The user asked to stop: what became of the work.
    pub fn interrupted(what: impl Into<String>) -> Self {
        Error::new(FailureKind::Interrupted, what.into())
    }

    /// Standard output could not be written to.
    #[must_use]
    pub fn stdout(source: io::Error) -> Self {
        Error::new(FailureKind::Stdout, source)
    }

    /// Something failed: an error, or a sentence.
    pub fn failed(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Error::new(FailureKind::Failed, source)
    }

    /// Something failed because of something else; `message` names the attempted action.
    pub fn because(message: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Error::failed(Because { message: message.into(), source: source.into() })
    }

    /// A file or directory could not be read or written.
    #[must_use]
    pub fn io(path: impl AsRef<Path>, source: io::Error) -> Self {
        Error::failed(AtPath { path: path.as_ref().display().to_string(), source })
    }

    /// `place`, a file, line or record, has invalid content: what was found, expected, and what to
    /// do.
    pub fn data(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Error::failed(format!("{place}: {message}"))
    }

    /// As [`Error::data`], at a line (from 1) of a file.
    #[must_use]
    pub fn line(path: impl AsRef<Path>, line: usize, message: impl fmt::Display) -> Self {
        Error::data(format_args!("{}:{line}", path.as_ref().display()), message)
    }

    /// The error's kind.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The cause, where it is of the type `E`.
    #[must_use]
    pub fn downcast_ref<E: Cause>(&self) -> Option<&E> {
        self.source.downcast_ref()
    }

    /// The cause if it has type `E`; otherwise the unchanged error.
    ///
    /// # Errors
    /// The error itself, if its cause is of another type.
    pub fn downcast<E: Cause>(self) -> std::result::Result<E, Self> {
        let Error { kind, source } = self;
        source.downcast().map(|cause| *cause).map_err(|source| Error { kind, source })
    }

    /// The error. If interrupted, names the command that continues the work.
    #[must_use]
    pub fn go_on_with(self, command: &str) -> Self {
        match self.kind {
            FailureKind::Interrupted => Error::interrupted(format!("{}; continue with `{command}`", self.source)),
            _ => self,
        }
    }

    /// The exit code of a process that ends with this error: 2 for wrong usage, 130 for an
    /// interruption, 1 otherwise.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            FailureKind::Usage => 2,
            FailureKind::Interrupted => 130,
            FailureKind::Stdout | FailureKind::Failed => 1,
        }
    }

    /// Whether the reader of our output went away, which is no failure:
    /// `scaledown plugin list | head -1`.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        let error = self.source.downcast_ref::<io::Error>();
        self.kind == FailureKind::Stdout && error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    }

    /// The error with its causes, without repetition, and what to do if the disk is full.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut sentence = self.to_string();
        let mut cause = StdError::source(self);
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FailureKind::Interrupted => write!(f, "interrupted; {}", self.source),
            FailureKind::Stdout => write!(f, "cannot write to standard output: {}", self.source),
            FailureKind::Usage | FailureKind::Failed => write!(f, "{}", self.source),
        }
    }
}

impl StdError for Error {
    /// The cause of the cause; the message contains the cause itself.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::Error;

    #[test]
    fn a_full_disk_is_reported_with_what_to_do() {
        let full = |kind: ErrorKind| Error::io("journal.jsonl", kind.into()).sentence();
        let reported = full(ErrorKind::StorageFull);
        assert_eq!(reported, "journal.jsonl: no storage space; free some space and run the command again");
        assert_eq!(full(ErrorKind::PermissionDenied), "journal.jsonl: permission denied");
        let component = scaledown_sdk::Error::io("meta", ErrorKind::StorageFull.into());
        assert!(Error::from(component).sentence().ends_with("; free some space and run the command again"));
    }

    #[test]
    fn a_cause_is_said_once() {
        let disk = || std::io::Error::other("disk full");
        assert_eq!(Error::io("a/b", disk()).sentence(), "a/b: disk full");
        let nested = Error::from(scaledown_sdk::Error::io("w.safetensors", disk()).at("layers.0").at("model"));
        assert_eq!(nested.sentence(), "in model.layers.0: w.safetensors: disk full");
    }

    #[test]
    fn exit_codes_tell_usage_and_interruption_apart() {
        assert_eq!(Error::usage("").exit_code(), 2);
        assert_eq!(Error::interrupted("").exit_code(), 130);
        assert_eq!(Error::failed("").exit_code(), 1);
    }

    #[test]
    fn only_a_closed_standard_output_is_a_broken_pipe() {
        let error = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(Error::stdout(error()).is_broken_pipe());
        assert!(!Error::io("file", error()).is_broken_pipe());
    }

    #[test]
    fn a_cause_can_be_asked_for() {
        let error = Error::from(scaledown_sdk::Error::Config("no such key".into()));
        assert!(matches!(error.downcast_ref(), Some(scaledown_sdk::Error::Config(message)) if message == "no such key"));
        assert!(Error::failed("no such key").downcast_ref::<scaledown_sdk::Error>().is_none());
    }

    #[test]
    fn only_an_interrupted_command_goes_on() {
        let reported = Error::interrupted("step 3 is saved").go_on_with("scaledown train a.toml --resume").to_string();
        assert_eq!(reported, "interrupted; step 3 is saved; continue with `scaledown train a.toml --resume`");
        assert_eq!(Error::usage("no").go_on_with("x").to_string(), "no");
    }
}
