//! A curriculum: stages that end when the model has learnt them, not when a clock says so.

use serde::{Deserialize, Serialize};

use super::config::Stage;

/// How many steps the running accuracy remembers, roughly.
const MEMORY: f64 = 20.0;

/// Where a curriculum stands. A checkpoint holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Curriculum {
    stage: usize,
    /// The step (from 0) at which the present stage began.
    began: u64,
    /// The running mean of the accuracy in this stage.
    accuracy: f64,
}

/// The curriculum's verdict on a finished step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Advance {
    /// The stage continues.
    Stay,
    /// The next stage begins.
    Next(usize),
    /// The last stage is done.
    Finished,
}

impl Default for Curriculum {
    fn default() -> Self {
        Curriculum { stage: 0, began: 0, accuracy: 0.0 }
    }
}

impl Curriculum {
    /// The present stage, from 0.
    pub(super) fn stage(&self) -> usize {
        self.stage
    }

    /// The number of steps made in the present stage, of `step` in all.
    pub(super) fn steps_in_stage(&self, step: u64) -> u64 {
        step.saturating_sub(self.began)
    }

    /// Takes note of the accuracy of step `step` (from 1).
    pub(super) fn observe(&mut self, stages: &[Stage], step: u64, accuracy: f64) -> Advance {
        let Some(stage) = stages.get(self.stage) else { return Advance::Finished };
        let steps = self.steps_in_stage(step);
        let share = 1.0 / MEMORY.min(steps.max(1) as f64);
        self.accuracy += share * (accuracy - self.accuracy);
        let reached = stage.until_accuracy.is_some_and(|goal| steps as f64 >= MEMORY && self.accuracy >= goal);
        if !reached && steps < stage.max_steps as u64 {
            return Advance::Stay;
        }
        *self = Curriculum { stage: self.stage + 1, began: step, accuracy: 0.0 };
        if self.stage < stages.len() { Advance::Next(self.stage) } else { Advance::Finished }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages() -> Vec<Stage> {
        let stage = |until_accuracy, max_steps| Stage { data: Vec::new(), until_accuracy, max_steps };
        vec![stage(Some(0.9), 1000), stage(None, 5)]
    }

    #[test]
    fn a_stage_ends_at_its_accuracy() {
        let mut curriculum = Curriculum::default();
        let steps = (1..=100).find(|&step| curriculum.observe(&stages(), step, 0.95) == Advance::Next(1));
        assert_eq!(steps, Some(20), "not before the running mean has enough steps");
        assert_eq!(curriculum.steps_in_stage(25), 5);
    }

    #[test]
    fn a_stage_ends_at_its_last_step() {
        let mut curriculum = Curriculum { stage: 1, began: 100, accuracy: 0.0 };
        let verdicts: Vec<_> = (101..=105).map(|step| curriculum.observe(&stages(), step, 0.0)).collect();
        assert_eq!(verdicts[3], Advance::Stay);
        assert_eq!(verdicts[4], Advance::Finished);
    }
}
