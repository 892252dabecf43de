//! Checkpoints: the complete state of a training, so that a resumed training equals an
//! uninterrupted one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scaledown_sdk::nn::Optimizer;
use scaledown_sdk::nn::safetensors::SafetensorsFile;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Difference, Objective, StepReport, TrainingError, TrainingFingerprint};
use crate::model::tensors::{load_trainable, trainable, write_tensors};
use crate::support::artifact::{self, ArtifactError, DirectoryWriter};

/// The version of the layout; a reader refuses any other.
const FORMAT: u32 = 1;
const STATE_FILE: &str = "trainer.json";
const OPTIMIZER: &str = "optimizer";

/// The state of a training beside its tensors. The last step gives the
/// schedule, the data position and all random numbers, since they are functions of the step.
#[derive(Serialize, Deserialize)]
struct State {
    format: u32,
    last: StepReport,
    optimizer_steps: u64,
    objective: Value,
    /// None in checkpoints of programs that wrote none; those are resumed unchecked.
    #[serde(default)]
    settings: Option<TrainingFingerprint>,
}

/// The directory that a training's checkpoints lie in.
pub struct CheckpointStore {
    directory: PathBuf,
    keep: usize,
    settings: TrainingFingerprint,
}

impl CheckpointStore {
    /// Checkpoints under `directory`, of which the newest `keep` are kept, of a training with these
    /// settings.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, keep: usize, settings: TrainingFingerprint) -> Self {
        CheckpointStore { directory: directory.into(), keep: keep.max(1), settings }
    }

    /// Adds what is learned from to the settings; see [`TrainingFingerprint::with_records`].
    #[must_use]
    pub fn with_records(self, checksum: u32) -> Self {
        CheckpointStore { settings: self.settings.with_records(checksum), ..self }
    }

    /// Adds the weights that are not trained to the settings; see
    /// [`TrainingFingerprint::with_base`].
    #[must_use]
    pub fn with_base(self, checksum: Option<u32>) -> Self {
        CheckpointStore { settings: self.settings.with_base(checksum), ..self }
    }

    /// Adds the tokenizers to the settings; see [`TrainingFingerprint::with_tokenizers`].
    #[must_use]
    pub fn with_tokenizers(self, checksum: u32) -> Self {
        CheckpointStore { settings: self.settings.with_tokenizers(checksum), ..self }
    }

    /// Compares the settings with those of `checkpoint`, and says what has changed that may.
    ///
    /// # Errors
    /// [`TrainingError::Checkpoint`] that names every setting that must not change and has.
    pub fn check(&self, checkpoint: &Checkpoint) -> Result<Vec<String>, TrainingError> {
        let Some(earlier) = &checkpoint.state.settings else { return Ok(Vec::new()) };
        let Difference { refused, allowed } = self.settings.since(earlier);
        if refused.is_empty() {
            return Ok(allowed);
        }
        let message = format!("{}; restore the earlier setting, or train in another output directory", refused.join("; "));
        Err(TrainingError::Checkpoint { path: checkpoint.path.display().to_string(), message })
    }

    /// Writes the present state of a training, whole or not at all, and then removes the oldest
    /// checkpoints.
    ///
    /// # Errors
    /// If the disk is full or cannot be written; earlier checkpoints stay as they are.
    pub fn save<O: Objective>(&self, objective: &O, optimizer: &Optimizer, last: &StepReport) -> Result<(), TrainingError> {
        let state = State {
            format: FORMAT,
            last: last.clone(),
            optimizer_steps: optimizer.steps(),
            objective: objective.state(),
            settings: Some(self.settings.clone()),
        };
        let mut writer = DirectoryWriter::new(&self.directory.join(format!("step-{:08}", last.step)))?;
        let state = serde_json::to_vec_pretty(&state).map_err(|error| TrainingError::Empty(error.to_string()))?;
        writer.write(STATE_FILE, &state)?;
        write_tensors(&mut writer, OPTIMIZER, optimizer.state())?;
        for (name, params) in objective.stored() {
            write_tensors(&mut writer, name, trainable(&params))?;
        }
        writer.commit()?;
        tracing::info!(step = last.step, directory = %self.directory.display(), "checkpoint written");
        self.tidy()
    }

    /// Removes old checkpoints and leftovers of killed trainings.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn tidy(&self) -> Result<(), TrainingError> {
        Ok(artifact::keep_last(&self.directory, self.keep)?)
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn latest(&self) -> Result<Option<Checkpoint>, TrainingError> {
        let open = |path: PathBuf| {
            Checkpoint::open(&path).map_err(|error| match error {
                TrainingError::Artifact(source @ (ArtifactError::Damaged { .. } | ArtifactError::Io { .. })) => {
                    TrainingError::DamagedCheckpoint { path: path.display().to_string(), source }
                }
                other => other,
            })
        };
        artifact::latest(&self.directory)?.map(open).transpose()
    }
}

/// A stored state of a training.
pub struct Checkpoint {
    path: PathBuf,
    state: State,
    files: BTreeMap<String, PathBuf>,
}

impl Checkpoint {
    /// Opens a checkpoint and checks all of its files.
    ///
    /// # Errors
    /// If a file is missing, damaged, or of another version.
    pub fn open(path: &Path) -> Result<Self, TrainingError> {
        let failed = |message: String| TrainingError::Checkpoint { path: path.display().to_string(), message };
        let reader = artifact::open(path)?;
        let state: State = serde_json::from_slice(&reader.read(STATE_FILE)?)
            .map_err(|error| failed(format!("cannot read {STATE_FILE}: {error}")))?;
        if state.format != FORMAT {
            return Err(failed(format!("checkpoint format {}, expected {FORMAT}", state.format)));
        }
        let tensors = reader.names().filter_map(|name| Some((name.strip_suffix(".safetensors")?, name)));
        let files = tensors.map(|(stem, name)| Ok((stem.to_owned(), reader.verified(name)?)));
        let files = files.collect::<Result<_, TrainingError>>()?;
        Ok(Checkpoint { path: path.to_owned(), state, files })
    }

    /// The last step that was made.
    #[must_use]
    pub fn last(&self) -> &StepReport {
        &self.state.last
    }

    /// Puts a training into this state, and returns its last step.
    ///
    /// # Errors
    /// If the state is that of another model or objective; the error names the tensor.
    pub fn restore<O: Objective>(&self, objective: &mut O, optimizer: &mut Optimizer) -> Result<StepReport, TrainingError> {
        for (name, params) in objective.stored() {
            load_trainable(&params, &self.tensors(name)?)?;
        }
        optimizer.load_state(self.state.optimizer_steps, &self.tensors(OPTIMIZER)?)?;
        objective.restore(&self.state.objective)?;
        tracing::info!(step = self.state.last.step, checkpoint = %self.path.display(), "training resumed");
        Ok(self.state.last.clone())
    }

    fn tensors(&self, name: &str) -> Result<SafetensorsFile, TrainingError> {
        let file = self.files.get(name).ok_or_else(|| TrainingError::Checkpoint {
            path: self.path.display().to_string(),
            message: format!("no {name}.safetensors; the checkpoint belongs to another training"),
        })?;
        Ok(SafetensorsFile::open(file)?)
    }
}
