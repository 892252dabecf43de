//! The files of a run: the one place where their names stand.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::model::{Oscar, save_oscar};
use crate::prepare::{RECORDS, Shard, Sidecar};
use crate::train::tracking;
use crate::{Result, support::artifact};

/// The output directory of a run.
///
/// | file or directory | what |
/// | --- | --- |
/// | `config.toml` | the resolved configuration; running it again reproduces the results |
/// | `model` | the trained model |
/// | `checkpoints` | what a training resumes from |
/// | `training.json` | a summary of the training, for later reports |
/// | `metrics.jsonl`, `tensorboard` | the training's log |
/// | `metrics.json`, `report.html`, `plots` | what was measured |
/// | `answers.jsonl` | each question with its answers from full and from compressed documents, and their scores |
/// | `journal`, `records.jsonl`, `records.json` | what a preparation has done, made, and from what |
/// | `data`, `prepared`, `train.jsonl`, `validation.jsonl` | a quickstart's documents and questions, and records with the teacher's answers |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(PathBuf);

/// What a quickstart writes, but for what each run writes again as it begins (`data` and
/// `config.toml`).
const WRITTEN: [&str; 12] = [
    "prepared",
    "train.jsonl",
    "validation.jsonl",
    "checkpoints",
    "model",
    "training.json",
    "metrics.jsonl",
    "tensorboard",
    "metrics.json",
    "answers.jsonl",
    "report.html",
    "plots",
];

impl Directory {
    /// The run in this directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Directory(path.into())
    }

    /// The run of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Directory(config.output.directory.clone())
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The directory of the trained model.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.0.join("model")
    }

    /// The resolved configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// The checkpoints of a training.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// The summary of a training.
    #[must_use]
    pub fn training(&self) -> PathBuf {
        self.0.join("training.json")
    }

    /// The log of a training, a line a step.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join(tracking::LOG)
    }

    /// The measurements; exist once a run has finished.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.json")
    }

    /// The journal of a preparation.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// The records that a preparation makes.
    #[must_use]
    pub fn records(&self) -> PathBuf {
        self.0.join(RECORDS)
    }

    /// From what a preparation made them; there once it is finished.
    #[must_use]
    pub fn sidecar(&self) -> PathBuf {
        self.0.join(Sidecar::NAME)
    }

    /// A quickstart's documents and questions.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// A quickstart's training or validation records (`train`, `validation`), with the teacher's
    /// answers.
    #[must_use]
    pub fn labelled(&self, split: &str) -> PathBuf {
        self.0.join(format!("{split}.jsonl"))
    }

    /// The preparation that is part of a quickstart.
    #[must_use]
    pub fn prepared(&self) -> Directory {
        Directory(self.0.join("prepared"))
    }

    /// The run of one shard of many; of one, the run itself.
    #[must_use]
    pub fn shard(&self, shard: Shard) -> Directory {
        match shard.of {
            0 | 1 => self.clone(),
            of => Directory(self.0.join(format!("shard-{}-of-{of}", shard.index))),
        }
    }

    /// Everything that a quickstart writes and that took work.
    pub(super) fn written(&self) -> impl Iterator<Item = PathBuf> {
        WRITTEN.into_iter().map(|name| self.0.join(name))
    }

    /// Writes the resolved configuration.
    pub(super) fn record_config(&self, config: &Config) -> Result<()> {
        artifact::write_file(&self.config(), config.to_toml()?.as_bytes())?;
        Ok(())
    }

    /// Writes a trained compressor to [`Directory::model`], with the configuration that it was
    /// trained with.
    pub(super) fn save(&self, oscar: &Oscar, config: &Config) -> Result<()> {
        save_oscar(oscar, &config.require_generator()?.model, &config.to_toml()?, &self.model())
    }
}
