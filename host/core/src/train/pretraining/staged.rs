//! The records of a curriculum: each stage's own, in the stage's own order.

use serde_json::{Value, json};

use super::config::Stage;
use super::curriculum::{Advance, Curriculum};
use super::source::StageRecords;
use crate::train::{EpochSampler, StepReport, TrainingError, Verdict};

/// A curriculum with its records, and where it stands.
pub struct Staged {
    seed: u64,
    stages: Vec<Stage>,
    sources: Vec<StageRecords>,
    validation: Option<StageRecords>,
    curriculum: Curriculum,
    order: EpochSampler,
}

impl Staged {
    /// The curriculum over the stages' records, at its beginning.
    ///
    /// # Errors
    /// [`TrainingError::Empty`] if there are no stages, or a stage has no records.
    pub fn new(stages: Vec<(Stage, StageRecords)>, seed: u64) -> Result<Self, TrainingError> {
        let (stages, sources): (Vec<Stage>, Vec<StageRecords>) = stages.into_iter().unzip();
        if sources.is_empty() || sources.iter().any(StageRecords::is_empty) {
            return Err(TrainingError::Empty("no pretraining data: a stage has no records".into()));
        }
        let order = EpochSampler::new(seed, sources[0].len());
        Ok(Staged { seed, stages, sources, validation: None, curriculum: Curriculum::default(), order })
    }

    /// The curriculum, with records to measure the model on.
    #[must_use]
    pub fn with_validation(self, validation: Option<StageRecords>) -> Self {
        Staged { validation, ..self }
    }

    /// A checksum of all that is learned from.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        self.sources.iter().for_each(|source| source.checksum(&mut hasher));
        hasher.finalize()
    }

    /// The maximum steps of the curriculum.
    #[must_use]
    pub fn most_steps(&self) -> u64 {
        self.stages.iter().map(|stage| stage.max_steps as u64).sum()
    }

    /// The present stage's records.
    pub(super) fn source(&self) -> &StageRecords {
        &self.sources[self.present()]
    }

    /// The records to measure the model on.
    pub(super) fn validation(&self) -> Option<&StageRecords> {
        self.validation.as_ref()
    }

    /// The `size` records of `source` that step `step` (from 0) trains on.
    pub(super) fn take(&mut self, step: u64, size: usize) -> Vec<usize> {
        self.order.take(self.curriculum.steps_in_stage(step) * size as u64, size)
    }

    /// Takes note of a finished step.
    pub(super) fn observe(&mut self, report: &StepReport) -> Verdict {
        match self.curriculum.observe(&self.stages, report.step, report.accuracy) {
            Advance::Stay => Verdict::Continue,
            Advance::Next(_) => {
                self.enter_stage();
                Verdict::Continue
            }
            Advance::Finished => Verdict::Done(format!("curriculum finished after {} steps", report.step)),
        }
    }

    /// Whether the last stage is done.
    pub(super) fn finished(&self) -> bool {
        self.curriculum.stage() >= self.stages.len()
    }

    /// The required contents of a checkpoint.
    pub(super) fn state(&self) -> Value {
        json!({ "curriculum": self.curriculum })
    }

    /// Resumes from a checkpoint's [`Staged::state`].
    pub(super) fn restore(&mut self, state: &Value) -> Result<(), TrainingError> {
        self.curriculum = serde_json::from_value(state["curriculum"].clone())
            .map_err(|error| TrainingError::Empty(format!("cannot read the checkpoint's curriculum: {error}")))?;
        self.enter_stage();
        Ok(())
    }

    fn present(&self) -> usize {
        self.curriculum.stage().min(self.sources.len() - 1)
    }

    fn enter_stage(&mut self) {
        let stage = self.present();
        self.order = EpochSampler::new(self.seed.wrapping_add(stage as u64), self.sources[stage].len());
    }
}
