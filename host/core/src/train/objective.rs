//! A training objective: the part that differs between pretraining and distillation.

use scaledown_sdk::Tensor;
use scaledown_sdk::nn::{ForwardMode, ParamGroup, Params};
use serde_json::Value;

use super::TrainingError;

/// The loss of one micro-batch.
pub struct BatchLoss {
    /// The scalar to differentiate, already scaled so that the micro-batches of a step add up to
    /// the step's loss.
    pub loss: Tensor,
    /// Named parts of the loss, scalars scaled alike, for the log.
    pub parts: Vec<(&'static str, Tensor)>,
    /// Tokens that were read.
    pub tokens: usize,
    /// How many answer tokens were predicted right, a scalar.
    pub correct: Tensor,
    /// How many answer tokens there are.
    pub counted: usize,
}

/// The measurements of a finished step.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StepReport {
    /// The step's number, from 1.
    pub step: u64,
    /// The loss.
    pub loss: f64,
    /// The share of answer tokens that were predicted right.
    pub accuracy: f64,
    /// The norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Tokens that were read.
    pub tokens: usize,
}

/// Whether a training continues after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is more to learn.
    Continue,
    /// The goal is reached before the last step; the reason is for the log.
    Done(String),
}

/// A training's model, data and loss.
pub trait Objective {
    /// The input of one forward and backward pass.
    type Batch;

    /// The trained parameters with peak learning rates.
    fn groups(&self) -> Vec<ParamGroup>;

    /// The parameters whose trainable part a checkpoint holds, with the name of its file.
    fn stored(&self) -> Vec<(&'static str, Params)>;

    /// The micro-batches of step `step` (from 0): a function of the step, the seed and the
    /// objective's own state alone.
    ///
    /// # Errors
    /// If a record cannot be read or used.
    fn batches(&mut self, step: u64) -> Result<Vec<Self::Batch>, TrainingError>;

    /// The loss of one micro-batch.
    ///
    /// # Errors
    /// If the device fails.
    fn loss(&self, batch: &Self::Batch, forward: &mut ForwardMode) -> Result<BatchLoss, TrainingError>;

    /// The micro-batches to measure the model on, whose losses add up to the loss on the validation
    /// records; none if there are no such records.
    ///
    /// # Errors
    /// If a record cannot be used.
    fn validation(&self) -> Result<Vec<Self::Batch>, TrainingError> {
        Ok(Vec::new())
    }

    /// Halves the micro-batches of the steps to come, for a device that is out of memory. Returns
    /// how many records one has from now on, or nothing if they cannot be smaller.
    fn halve_micro_batch(&mut self) -> Option<usize> {
        None
    }

    /// Evaluates a finished step and decides whether to continue.
    fn finish_step(&mut self, _report: &StepReport) -> Verdict {
        Verdict::Continue
    }

    /// Whether the goal is reached, so that no step is made any more: also when a finished training
    /// is resumed.
    fn finished(&self) -> bool {
        false
    }

    /// State beside the parameters that a checkpoint must hold; null if there is none.
    fn state(&self) -> Value {
        Value::Null
    }

    /// Takes the state of a checkpoint.
    ///
    /// # Errors
    /// If the state is not this objective's.
    fn restore(&mut self, _state: &Value) -> Result<(), TrainingError> {
        Ok(())
    }
}
