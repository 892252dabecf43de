//! The state that an earlier quickstart left in the output directory, and its treatment.

use super::{Context, Directory, RunStart};
use crate::config::{Config, Overrides};
use crate::support::artifact;
use crate::train::{TrainingFingerprint, TrainingKind};
use crate::{Error, Result};

/// An earlier run in an output directory.
pub(super) struct Earlier {
    directory: Directory,
    /// Whether the teacher's answers exist.
    pub(super) labels: bool,
    /// Whether there is a checkpoint.
    pub(super) checkpoint: bool,
    model: bool,
    finished: bool,
}

impl Earlier {
    /// Looks at a directory.
    ///
    /// # Errors
    /// If it cannot be listed.
    pub(super) fn look(directory: &Directory) -> Result<Self> {
        Ok(Earlier {
            directory: directory.clone(),
            labels: directory.labelled("train").exists() || directory.prepared().journal().exists(),
            checkpoint: artifact::latest(&directory.checkpoints())?.is_some(),
            model: directory.model().exists(),
            finished: directory.metrics().exists(),
        })
    }

    /// Whether there is anything that took work.
    pub(super) fn any(&self) -> bool {
        self.labels || self.checkpoint || self.model || self.finished
    }

    /// Checks that a run may begin here as `context` wants it.
    ///
    /// # Errors
    /// If there is something, and neither to be resumed nor to be removed; or if it is to be
    /// resumed, and had other settings.
    pub(super) fn check(&self, config: &Config, context: &Context<'_>) -> Result<()> {
        let (place, command) = (self.directory.path().display(), &context.command);
        match context.start {
            RunStart::New if self.finished => Err(Error::usage(format!(
                "{place} contains a finished run; use `{command} --overwrite` to replace it, or `{command} --set output.directory=DIR` to write elsewhere"
            ))),
            RunStart::New if self.any() => Err(Error::usage(format!(
                "{place} contains an unfinished run; use `{command} --resume` to continue it, or `{command} --overwrite` to replace it"
            ))),
            RunStart::Resume if !self.any() => Ok(()),
            RunStart::Resume => self.check_settings(config),
            RunStart::New | RunStart::Overwrite => Ok(()),
        }
    }

    /// Checks that the run had the same settings, as far as they shape the teacher's answers and
    /// the training.
    fn check_settings(&self, config: &Config) -> Result<()> {
        let path = self.directory.config();
        if !path.exists() {
            return Ok(());
        }
        let earlier = Config::load(&path, &Overrides::default())?;
        let mut changed = TrainingFingerprint::new(&config.for_training(), TrainingKind::Distillation)
            .since(&TrainingFingerprint::new(&earlier.for_training(), TrainingKind::Distillation))
            .refused;
        let (now, then) = (config.evaluation.max_new_tokens, earlier.evaluation.max_new_tokens);
        if now != then {
            changed.push(format!("evaluation.max_new_tokens was {then} and is {now}"));
        }
        if changed.is_empty() {
            return Ok(());
        }
        let message =
            format!("cannot resume: {}; restore the earlier setting, or start over with --overwrite", changed.join("; "));
        Err(Error::data(self.directory.path().display(), message))
    }

    /// Removes what the run wrote, and nothing else that may lie in the directory.
    ///
    /// # Errors
    /// If something cannot be removed.
    pub(super) fn remove(&self) -> Result<()> {
        for path in self.directory.written() {
            let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(&path, error)),
                _ => {}
            }
        }
        Ok(())
    }
}
