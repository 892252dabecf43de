//! Training: a loop, objectives that it optimises, and checkpoints that it resumes from.

pub mod checkpoint;
pub mod config;
pub mod distillation;
mod error;
mod fingerprint;
mod objective;
mod order;
pub mod pretraining;
mod run;
mod settings;
pub mod tracking;

pub use error::TrainingError;
pub use fingerprint::{Difference, TrainingFingerprint};
pub use objective::{BatchLoss, Objective, StepReport, Verdict};
pub use order::EpochSampler;
pub use run::{Observer, TrainingOutcome, rehearse, train};
pub use settings::TrainingSettings;

use std::path::Path;

use crate::support::lock::{DirectoryLock, LockError};

/// Keeps other trainings out of an output directory, which is made if it is missing.
///
/// # Errors
/// [`TrainingError::Busy`] if another training holds it; if it cannot be made or written to.
pub fn lock(directory: &Path) -> Result<DirectoryLock, TrainingError> {
    DirectoryLock::take(directory).map_err(|error| match error {
        LockError::Held(directory) => TrainingError::Busy(directory),
        LockError::Io(error) => error.into(),
    })
}

/// The kind of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainingKind {
    /// A compressor, on a teacher's answers.
    Distillation,
    /// A language model, from random weights.
    Pretraining,
    /// A compressor, on plain text.
    AutoEncoding,
}

impl TrainingKind {
    /// Its name in checkpoints, reports and progress bars.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TrainingKind::Distillation => "distillation",
            TrainingKind::Pretraining => "pretraining",
            TrainingKind::AutoEncoding => "auto-encoding",
        }
    }
}
