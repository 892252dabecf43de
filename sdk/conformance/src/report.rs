//! The results of a suite.

use std::borrow::Cow;
use std::fmt;

use scaledown_sdk::component::caught;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The component does what it promises.
    Passed,
    /// It does not; one sentence that says what was expected, and what was found.
    Failed(String),
    /// The promise does not apply to this component; why.
    Skipped(String),
}

/// One check of a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The promise, as a sentence.
    pub name: Cow<'static, str>,
    /// Its result.
    pub outcome: CheckOutcome,
}

/// All checks of one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConformanceReport {
    /// The component: its kind, its name and its configuration.
    pub subject: String,
    /// The checks, in the order in which they ran.
    pub checks: Vec<Check>,
}

/// Why a check did not pass.
#[derive(Debug, thiserror::Error)]
pub enum CheckFailure {
    /// The component failed where it had to succeed.
    #[error(transparent)]
    Component(#[from] scaledown_sdk::Error),
    /// The component did something else than it promises.
    #[error("{what}: expected {expected}, found {found}")]
    Differs {
        /// The checked value and its place.
        what: String,
        /// The expected value.
        expected: String,
        /// The found value.
        found: String,
    },
    /// The component has no such feature; why.
    #[error("{0}")]
    NotApplicable(String),
}

/// The result of one check.
pub type Checked<T = ()> = Result<T, CheckFailure>;

impl CheckFailure {
    /// A violation of the contract.
    pub(crate) fn differs(what: impl fmt::Display, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        CheckFailure::Differs { what: what.to_string(), expected: expected.to_string(), found: found.to_string() }
    }
}

/// Fails with a difference unless `holds`.
pub(crate) fn ensure(holds: bool, what: impl fmt::Display, expected: impl fmt::Display, found: impl fmt::Display) -> Checked {
    if holds { Ok(()) } else { Err(CheckFailure::differs(what, expected, found)) }
}

impl ConformanceReport {
    /// A report without checks.
    #[must_use]
    pub fn new(subject: impl Into<String>) -> Self {
        ConformanceReport { subject: subject.into(), checks: Vec::new() }
    }

    /// Runs a check. A panic fails it.
    pub fn run(&mut self, name: impl Into<Cow<'static, str>>, check: impl FnOnce() -> Checked) {
        let outcome = match caught(check) {
            Ok(Ok(())) => CheckOutcome::Passed,
            Ok(Err(CheckFailure::NotApplicable(why))) => CheckOutcome::Skipped(why),
            Ok(Err(failure)) => CheckOutcome::Failed(failure.to_string()),
            Err(panic) => CheckOutcome::Failed(format!("the component panicked: {panic}")),
        };
        self.checks.push(Check { name: name.into(), outcome });
    }

    /// Whether there are checks, and none failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.checks.is_empty() && self.failures().next().is_none()
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| matches!(check.outcome, CheckOutcome::Failed(_)))
    }
}

impl fmt::Display for ConformanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.subject)?;
        for Check { name, outcome } in &self.checks {
            match outcome {
                CheckOutcome::Passed => writeln!(f, "  ok      {name}")?,
                CheckOutcome::Failed(why) => writeln!(f, "  FAILED  {name}: {why}")?,
                CheckOutcome::Skipped(why) => writeln!(f, "  skipped {name}: {why}")?,
            }
        }
        Ok(())
    }
}

/// Whether a call that must be refused was: an error passes, a value or a panic does not.
pub(crate) fn refused<T>(what: impl fmt::Display, call: impl FnOnce() -> scaledown_sdk::Result<T>) -> Checked {
    match caught(call) {
        Ok(Err(_)) => Ok(()),
        Ok(Ok(_)) => Err(CheckFailure::differs(what, "an error", "a result")),
        Err(panic) => Err(CheckFailure::differs(what, "an error", format!("a panic ({panic})"))),
    }
}

/// Whether a call that may succeed or fail did one of both, and did not panic.
pub(crate) fn answered<T>(
    what: impl fmt::Display,
    call: impl FnOnce() -> scaledown_sdk::Result<T>,
) -> Checked<scaledown_sdk::Result<T>> {
    caught(call).map_err(|panic| CheckFailure::differs(what, "a result or an error", format!("a panic ({panic})")))
}
