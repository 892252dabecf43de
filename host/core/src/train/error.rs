//! Errors of trainings.

use std::path::PathBuf;

use crate::support::artifact::ArtifactError;
use crate::text::TextError;

/// What to do about numbers that are not finite. No update came before those of the first step.
fn advice(step: u64) -> &'static str {
    if step == 1 {
        "the weights (`generator.model`, the compressor's model) or the vectors (`compression.vectors`) that it reads may be damaged: fetch or make them again"
    } else {
        "lower the learning rate, or resume from an earlier checkpoint"
    }
}

/// Errors of trainings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The loss is NaN or infinite.
    #[error(
        "step {step}: the loss is {loss}; the first non-finite value is in {tensor} ({})",
        advice(*step)
    )]
    NonFiniteLoss {
        /// The step, from 1.
        step: u64,
        /// The loss.
        loss: f64,
        /// The parameter, or the instruction's result with its module.
        tensor: String,
    },
    /// A gradient is NaN or infinite.
    #[error(
        "step {step}: the gradient of {tensor} is not finite ({})",
        advice(*step)
    )]
    NonFiniteGradient {
        /// The step, from 1.
        step: u64,
        /// The parameter.
        tensor: String,
    },
    /// A step left a parameter NaN or infinite.
    #[error(
        "step {step}: the update made {tensor} not finite, so it was not saved (lower the learning rate, or resume from an earlier checkpoint)"
    )]
    NonFiniteUpdate {
        /// The step, from 1.
        step: u64,
        /// The parameter.
        tensor: String,
    },
    /// Another training writes into the same directory.
    #[error(
        "{}: locked by another training run; wait for it to end, or choose another directory (`--set output.directory=DIR`)",
        .0.display()
    )]
    Busy(PathBuf),
    /// A checkpoint cannot be used.
    #[error("cannot resume from checkpoint {path}: {message}")]
    Checkpoint {
        /// The checkpoint's directory.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A checkpoint is damaged.
    #[error("{source} (remove {path} to resume from the checkpoint before it, or to start over)")]
    DamagedCheckpoint {
        /// The checkpoint's directory.
        path: String,
        /// The file and its problem.
        source: ArtifactError,
    },
    /// A checkpoint could not be written or read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The metrics log could not be written.
    #[error("{0}")]
    Log(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A record cannot be trained on.
    #[error("record {record}: {}{message}", field.as_ref().map(|field| format!("`{field}`: ")).unwrap_or_default())]
    Record {
        /// The record's identifier or number.
        record: String,
        /// The line of its file on which it begins, from 1; 0 if it comes from none.
        line: u64,
        /// The field, such as `documents[2]`, if it is one field's fault.
        field: Option<String>,
        /// What is wrong.
        message: String,
    },
    /// There is nothing to train on.
    #[error("{0}")]
    Empty(String),
    /// A text could not be tokenized.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A model or device failed.
    #[error(transparent)]
    Model(#[from] scaledown_sdk::Error),
}

impl crate::error::Cause for TrainingError {}
