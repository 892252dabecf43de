//! A frozen model's Hugging Face directory: its `config.json` and its weights.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::safetensors::DirectoryWeights;
use super::{JsonKeys, ParamOptions, Params};
use crate::files::{FileKind, read_text};
use crate::tensor::{DType, Device};
use crate::{Error, Result};

/// The directory of a model that is not trained, with its configuration read.
#[derive(Debug)]
pub(super) struct ModelDirectory {
    path: PathBuf,
    config: Value,
    config_path: String,
}

impl ModelDirectory {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// If the file cannot be read or is no JSON.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = path.join("config.json");
        let text = read_text(&file, FileKind::ModelConfiguration).map_err(|error| Error::io(&file, error))?;
        let config_path = file.display().to_string();
        let config = serde_json::from_str(&text).map_err(|error| Error::Config(format!("{config_path}: {error}")))?;
        Ok(ModelDirectory { path: path.to_owned(), config, config_path })
    }

    /// The keys of the configuration.
    ///
    /// # Errors
    /// If it is not an object.
    pub(super) fn keys(&self) -> Result<JsonKeys<'_>> {
        JsonKeys::new(&self.config, &self.config_path)
    }

    /// Makes a model in f32 of all weights but those under one of the paths `ignore`, which it does
    /// not have.
    ///
    /// # Errors
    /// If weights cannot be read, are missing or misshapen, or are not the model's.
    pub(super) fn load<M>(&self, device: &Device, ignore: &[&str], make: impl FnOnce(&Params) -> Result<M>) -> Result<M> {
        let options =
            ParamOptions { device: device.clone(), dtype: DType::F32, trainable: false, seed: 0, lora: None, quantization: None };
        let weights = Arc::new(DirectoryWeights::open(&self.path)?);
        let params = Params::random(options).load_strict(weights, "", ignore);
        let model = make(&params).map_err(|error| error.of_model(Path::new(&self.config_path)))?;
        params.finish()?;
        Ok(model)
    }
}

/// The number of labels of a classifier, as transformers stores it: `num_labels`, or the size of
/// `id2label`, which is not written where there are two.
///
/// # Errors
/// If `num_labels` is not a positive integer.
pub(super) fn labels(keys: &JsonKeys<'_>) -> Result<usize> {
    let named = || keys.value("id2label").and_then(Value::as_object).map(serde_json::Map::len);
    Ok(keys.optional_size("num_labels")?.or_else(named).unwrap_or(2))
}
