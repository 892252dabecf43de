//! The progress output and log of a training.

use std::path::Path;
use std::time::Instant;

use super::Directory;
use crate::Result;
use crate::support::progress::{Bar, Progress, Task};
use crate::train::tracking::{self, Tracker};
use crate::train::{Observer, StepReport, TrainingError};

/// Shows a training's progress, logs its metrics, and passes on an interruption.
pub(super) struct RunLog<'a> {
    progress: &'a dyn Progress,
    tracker: Tracker,
    bar: Box<dyn Bar>,
    began: Instant,
    /// Seconds of training before this run.
    before: f64,
    /// The bar's text for the last validation.
    validation: String,
}

impl<'a> RunLog<'a> {
    /// A log in `directory` of a training of `steps` steps; one that is resumed after step `done`
    /// drops what was logged later.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub(super) fn new(directory: &Path, title: &str, steps: u64, done: u64, progress: &'a dyn Progress) -> Result<Self> {
        let bar = progress.start(&Task { title, length: Some(steps), done, is_stage: false });
        let tracker = Tracker::resume(directory, done)?;
        let logged = tracking::read(&Directory::new(directory).log())?;
        let before = logged.last().and_then(|point| *point.values.get("seconds")?).unwrap_or(0.0);
        Ok(RunLog { progress, tracker, bar, began: Instant::now(), before, validation: String::new() })
    }

    /// The seconds that were spent on the steps before this run.
    pub(super) fn seconds_before(&self) -> f64 {
        self.before
    }
}

impl Observer for RunLog<'_> {
    fn step(&mut self, report: &StepReport, extra: &[(String, f64)]) -> std::result::Result<(), TrainingError> {
        let find = |wanted: &str| extra.iter().find(|(name, _)| name == wanted).map(|&(_, value)| value);
        let speed = find("tokens_per_second").unwrap_or(0.0);
        if let (Some(loss), Some(accuracy)) = (find("validation_loss"), find("validation_accuracy")) {
            self.validation = format!("  (validation {loss:.4}, {accuracy:.3})");
        }
        let StepReport { loss, accuracy, .. } = report;
        self.bar.set(report.step);
        self.bar.say(&format!("loss {loss:.4}  accuracy {accuracy:.3}{}  {speed:.0} tokens/s", self.validation));
        let own = [
            ("loss", report.loss),
            ("accuracy", report.accuracy),
            ("gradient_norm", report.gradient_norm),
            ("tokens", report.tokens as f64),
            ("seconds", self.before + self.began.elapsed().as_secs_f64()),
        ];
        let scalars: Vec<(&str, f64)> =
            own.into_iter().chain(extra.iter().map(|(name, value)| (name.as_str(), *value))).collect();
        self.tracker.log(report.step, &scalars).map_err(|error| TrainingError::Log(Box::new(error)))
    }

    fn note(&mut self, message: &str) {
        self.progress.note(message);
    }

    fn interrupted(&self) -> bool {
        self.progress.cancelled()
    }
}
