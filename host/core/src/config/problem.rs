//! Problems of a configuration: place, key, what was found and what to do.

use std::fmt;
use std::path::PathBuf;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a file, at a line counted from 1 where it is known.
    File {
        /// The file, as named by the user.
        path: PathBuf,
        /// The line.
        line: Option<usize>,
    },
    /// In an environment variable of this name.
    Environment(String),
    /// On the command line, with `--set`.
    Override(String),
    /// Nowhere: a built-in default, or missing altogether.
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Origin::File { path, line: None } => write!(f, "{}", path.display()),
            Origin::Environment(name) => write!(f, "environment variable {name}"),
            Origin::Override(text) => write!(f, "--set {text}"),
            Origin::BuiltIn => write!(f, "configuration"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where the value was set.
    pub origin: Origin,
    /// The key with its tables, `training.lr_generator`; empty where no key is at fault.
    pub key: String,
    /// What was found, what is allowed, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.origin, self.message)
        } else {
            write!(f, "{}: {}: {}", self.origin, self.key, self.message)
        }
    }
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(problems))]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl crate::error::Cause for ConfigError {}

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        ConfigError { problems }
    }

    pub(super) fn one(origin: Origin, key: impl Into<String>, message: impl Into<String>) -> Self {
        ConfigError::new(vec![Problem { origin, key: key.into(), message: message.into() }])
    }

    /// The problems, in the order of the keys.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The name among `candidates` that `name` was probably meant to be.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const SIMILAR_ENOUGH: f64 = 0.75;
    // Short names share their beginnings easily: "cuda" is not "cpu" mistyped.
    const FEW_EDITS: f64 = 0.5;
    candidates
        .into_iter()
        .filter(|candidate| strsim::normalized_damerau_levenshtein(name, candidate) >= FEW_EDITS)
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR_ENOUGH)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}
