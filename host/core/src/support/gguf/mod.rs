//! A language model in one GGUF file, as llama.cpp has them: weights, tokenizer and chat template.
//!
//! The file's description becomes a `config.json` and a `tokenizer.json`, which everything else
//! reads as those of any other model. Weights in blocks that the device computes with (`q8_0`,
//! `q4_0`) stay as they are; others become f32 as they are read.

mod config;
mod metadata;
mod names;
mod tokenizer;
mod weights;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use scaledown_sdk::nn::WeightSource;
use tempfile::TempDir;

use crate::support::artifact::write_file;
use crate::{Error, Result};
use metadata::Metadata;
use weights::GgufWeights;

/// Why a GGUF file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub struct GgufError {
    path: PathBuf,
    message: String,
}

impl crate::error::Cause for GgufError {}

impl GgufError {
    fn new(path: &Path, message: impl Into<String>) -> Self {
        GgufError { path: path.to_owned(), message: message.into() }
    }
}

/// A model in a GGUF file.
pub struct GgufModel {
    directory: TempDir,
    weights: Arc<GgufWeights>,
}

/// Whether a model's name is that of a GGUF file.
#[must_use]
pub fn is_gguf(model: &str) -> bool {
    Path::new(model).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}

impl GgufModel {
    /// Opens a file, and writes what it says of the model and its tokenizer to a directory that
    /// lives as long as this.
    ///
    /// # Errors
    /// If the file is damaged, or of an architecture, a tokenizer or a format of blocks that is not
    /// read; the error says which.
    pub fn open(path: &Path) -> Result<Self> {
        let metadata = Metadata::read(path)?;
        let architecture = names::GgufArchitecture::of(&metadata)?;
        let weights = GgufWeights::new(&metadata, architecture)?;
        let config = config::of(&metadata, architecture, &weights)?;
        let tokenizer = tokenizer::of(&metadata)?;
        let directory = tempfile::tempdir().map_err(|error| Error::io(std::env::temp_dir(), error))?;
        for (name, json) in
            [("config.json", &config), ("tokenizer.json", &tokenizer.file), ("tokenizer_config.json", &tokenizer.config)]
        {
            write_file(&directory.path().join(name), json.to_string().as_bytes())?;
        }
        tracing::info!(file = %path.display(), architecture = architecture.class(), "GGUF file opened");
        Ok(GgufModel { directory, weights: Arc::new(weights) })
    }

    /// The directory with `config.json` and the tokenizer.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The weights, by the names that `transformers` gives them.
    #[must_use]
    pub fn weights(&self) -> Arc<dyn WeightSource> {
        Arc::clone(&self.weights) as Arc<dyn WeightSource>
    }
}
