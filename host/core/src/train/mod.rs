//! Training: a loop, objectives that it optimises, and checkpoints that it resumes from.

pub mod checkpoint;
pub mod distillation;
mod error;
mod fingerprint;
mod lock;
mod objective;
mod order;
pub mod pretraining;
mod run;
mod settings;
pub mod tracking;

pub use error::TrainingError;
pub use fingerprint::{Difference, Fingerprint};
pub use lock::RunLock;
pub use objective::{BatchLoss, Objective, StepReport, Verdict};
pub use order::Order;
pub use run::{Observer, Outcome, train};
pub use settings::Settings;

/// What the training of a compressor on a teacher's answers is called.
pub const DISTILLATION: &str = "distillation";
