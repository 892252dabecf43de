//! The summary of a training, stored with its model for later evaluations.

use std::path::Path;

use scaledown_sdk::files::{FileKind, read_bytes};
use serde::{Deserialize, Serialize};

use super::Directory;
use crate::evaluate::report::{StageSummary, TrainingSummary};
use crate::support::artifact;
use crate::{Error, Result};

/// A training's part of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// The training, summed up.
    #[serde(rename = "training", default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<TrainingSummary>,
    /// Peak memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// The stages of the run.
    #[serde(default)]
    pub stages: Vec<StageSummary>,
}

impl Trained {
    /// Writes this to the output directory of a training that has ended.
    ///
    /// # Errors
    /// If the disk is full or cannot be written.
    pub(super) fn write(&self, directory: &Directory) -> Result<()> {
        let path = directory.training();
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| Error::io(&path, error.into()))?;
        text.push(b'\n');
        Ok(artifact::write_file(&path, &text)?)
    }

    /// The summary of the training that wrote `model`, if it exists.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn beside(model: &Path) -> Result<Self> {
        let model = model.canonicalize().map_err(|error| Error::io(model, error))?;
        model.parent().map_or_else(|| Ok(Trained::default()), |directory| Trained::read(&Directory::new(directory)))
    }

    /// The summary in an output directory, if it exists.
    pub(super) fn read(directory: &Directory) -> Result<Self> {
        let path = directory.training();
        match read_bytes(&path, FileKind::ModelConfiguration) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| Error::line(&path, error.line(), error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Trained::default()),
            Err(error) => Err(Error::io(&path, error)),
        }
    }
}
