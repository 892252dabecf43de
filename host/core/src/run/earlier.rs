//! What an earlier quickstart left in the output directory, and what becomes of it.

use std::path::{Path, PathBuf};

use super::prepare::JOURNAL;
use super::quickstart::PREPARED;
use super::{Context, Start};
use crate::config::{Config, Overrides};
use crate::support::artifact;
use crate::train::{DISTILLATION, Fingerprint};
use crate::{Error, Result};

/// What a quickstart writes, but for what each run writes again as it begins (`data` and `config.toml`).
const WRITTEN: [&str; 11] = [
    PREPARED,
    "train.jsonl",
    "validation.jsonl",
    "checkpoints",
    "model",
    "training.json",
    "metrics.jsonl",
    "tensorboard",
    "metrics.json",
    "report.html",
    "plots",
];

/// An earlier run in an output directory.
pub(super) struct Earlier {
    directory: PathBuf,
    /// Whether the teacher's answers are there.
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
    pub(super) fn look(directory: &Path) -> Result<Self> {
        let has = |name: &str| directory.join(name).exists();
        Ok(Earlier {
            directory: directory.to_owned(),
            labels: has("train.jsonl") || directory.join(PREPARED).join(JOURNAL).exists(),
            checkpoint: artifact::latest(&directory.join("checkpoints"))?.is_some(),
            model: has("model"),
            finished: has("metrics.json"),
        })
    }

    /// Whether there is anything that took work.
    pub(super) fn any(&self) -> bool {
        self.labels || self.checkpoint || self.model || self.finished
    }

    /// Checks that a run may begin here as `context` wants it.
    ///
    /// # Errors
    /// If there is something, and neither to be resumed nor to be removed; or if it is to be resumed, and there is nothing or it had other
    /// settings.
    pub(super) fn check(&self, config: &Config, context: &Context<'_>) -> Result<()> {
        let (place, command) = (self.directory.display(), &context.command);
        match context.start {
            Start::New if self.finished => Err(Error::Usage(format!(
                "{place} holds a finished run; `{command} --overwrite` removes it and starts over, `{command} --set output.directory=DIR` \
                 writes to another directory"
            ))),
            Start::New if self.any() => Err(Error::Usage(format!(
                "{place} holds an unfinished run; `{command} --resume` goes on with it, `{command} --overwrite` removes it and starts over"
            ))),
            Start::Resume if !self.any() => {
                Err(Error::Usage(format!("there is nothing to resume in {place}; `{command}` starts anew")))
            }
            Start::Resume => self.check_settings(config),
            Start::New | Start::Overwrite => Ok(()),
        }
    }

    /// Checks that the run had the same settings, as far as they shape the teacher's answers and the training.
    fn check_settings(&self, config: &Config) -> Result<()> {
        let path = self.directory.join("config.toml");
        if !path.exists() {
            return Ok(());
        }
        let earlier = Config::load(&path, &Overrides::default())?;
        let mut changed = Fingerprint::new(config, DISTILLATION).since(&Fingerprint::new(&earlier, DISTILLATION)).refused;
        let (now, then) = (config.evaluation.max_new_tokens, earlier.evaluation.max_new_tokens);
        if now != then {
            changed.push(format!("evaluation.max_new_tokens was {then} and is {now}"));
        }
        if changed.is_empty() {
            return Ok(());
        }
        let message =
            format!("the run cannot be resumed: {}; set it back as it was, or start over with --overwrite", changed.join("; "));
        Err(Error::Data { place: self.directory.display().to_string(), message })
    }

    /// Removes what the run wrote, and nothing else that may lie in the directory.
    ///
    /// # Errors
    /// If something cannot be removed.
    pub(super) fn remove(&self) -> Result<()> {
        for path in WRITTEN.map(|name| self.directory.join(name)) {
            let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(&path, error)),
                _ => {}
            }
        }
        Ok(())
    }
}
