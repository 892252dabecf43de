//! A training in its output directory, which is inspected before anything else.

use scaledown_sdk::Device;

use super::outcome::Trained;
use super::run_log::RunLog;
use super::{Context, Directory, RunStart};
use crate::config::Config;
use crate::evaluate::report::{StageSummary, TrainingSummary};
use crate::model::base_checksum;
use crate::support::lock::DirectoryLock;
use crate::text::Tokenizer;
use crate::train::checkpoint::{Checkpoint, CheckpointStore};
use crate::train::{Objective, TrainingFingerprint, TrainingKind, TrainingOutcome, TrainingSettings, train};
use crate::{Error, Result};

/// A training that starts or resumes.
pub(super) struct TrainingRun<'a> {
    context: &'a Context<'a>,
    /// Held by the caller until the model is written, after the training.
    _lock: &'a DirectoryLock,
    kind: TrainingKind,
    store: CheckpointStore,
    checkpoint: Option<Checkpoint>,
}

impl<'a> TrainingRun<'a> {
    /// Inspects the output directory, locked by `lock`, before a training of this kind.
    ///
    /// # Errors
    /// If there is a training and it is not to be resumed; if the newest checkpoint is damaged, or
    /// was written with other settings.
    pub(super) fn open(config: &Config, kind: TrainingKind, context: &'a Context<'a>, lock: &'a DirectoryLock) -> Result<Self> {
        let directory = &config.output.directory;
        let store =
            CheckpointStore::new(Directory::of(config).checkpoints(), 2, TrainingFingerprint::new(&config.for_training(), kind));
        let checkpoint = match (context.start, store.latest()?) {
            (RunStart::Resume, None) => {
                context.progress.note(&format!("nothing to resume in {}; starting", directory.display()));
                None
            }
            (RunStart::Resume, Some(found)) => Some(found),
            (_, Some(_)) => {
                let message = format!(
                    "{} contains an earlier training; continue it with --resume, or choose another output directory",
                    directory.display()
                );
                return Err(Error::usage(message));
            }
            (_, None) => None,
        };
        if let Some(checkpoint) = &checkpoint {
            for changed in store.check(checkpoint)? {
                context.progress.warn(&format!("after step {}, {changed}", checkpoint.last().step));
            }
        }
        if config.training.validate_every.is_some() && config.data.validation.is_none() {
            let message = "training.validate_every needs validation records: set `validation` in [data]";
            return Err(Error::usage(message));
        }
        Ok(TrainingRun { context, _lock: lock, kind, store, checkpoint })
    }

    /// The same run, of which is noted what its texts are read with.
    ///
    /// # Errors
    /// If a tokenizer cannot be written down.
    pub(super) fn with_tokenizers(mut self, tokenizers: &[&Tokenizer]) -> Result<Self> {
        let sums = tokenizers.iter().map(|tokenizer| tokenizer.checksum()).collect::<std::result::Result<Vec<_>, _>>()?;
        let bytes: Vec<u8> = sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        self.store = self.store.with_tokenizers(crc32fast::hash(&bytes));
        Ok(self)
    }

    /// Trains `objective`, whose records have the checksum `records`, for `steps` steps in all, as
    /// `config` says.
    ///
    /// # Errors
    /// If the records are not those that a resumed training began with; if a record, the device or
    /// the disk fails.
    pub(super) fn train<O: Objective>(
        self,
        objective: &mut O,
        config: &Config,
        records: u32,
        steps: u64,
    ) -> Result<TrainingOutcome> {
        let TrainingRun { context, kind, store, checkpoint, .. } = self;
        let base = base_checksum(objective.stored().iter().map(|(_, params)| params))?;
        let store = store.with_records(records).with_base(base);
        if let Some(checkpoint) = &checkpoint {
            store.check(checkpoint)?;
        }
        let done = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.last().step);
        Directory::of(config).record_config(config)?;
        let settings = TrainingSettings::new(&config.training, steps);
        let mut log = RunLog::new(&config.output.directory, kind.name(), steps, done, context.progress)?;
        let before = log.seconds_before();
        let outcome = train(objective, &settings, &store, checkpoint, &mut log)?;
        drop(log);
        Ok(TrainingOutcome { seconds: before + outcome.seconds, ..outcome })
    }
}

/// Writes down what a training that has ended was like, after the stages before it, and gives that
/// back.
///
/// # Errors
/// If the disk is full or cannot be written.
pub(super) fn conclude(
    config: &Config,
    outcome: &TrainingOutcome,
    device: &Device,
    resumed: bool,
    stages: Vec<StageSummary>,
) -> Result<Trained> {
    let directory = &Directory::of(config);
    let earlier = if resumed { Trained::read(directory)?.peak_memory } else { None };
    let trained = Trained {
        summary: Some(TrainingSummary { steps: outcome.steps, seconds: outcome.seconds, final_loss: outcome.final_loss }),
        peak_memory: Some(device.memory().peak).max(earlier),
        stages,
    };
    trained.write(directory)?;
    Ok(trained)
}
