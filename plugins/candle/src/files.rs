//! A model's Hugging Face directory as candle reads it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use scaledown_sdk::component::caught;
use scaledown_sdk::files::{FileKind, read_text};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::{Error, Result};
use serde_json::{Map, Value};

/// The directory of a model, with its configuration read.
pub(crate) struct ModelFiles {
    directory: PathBuf,
    pub(crate) config: Map<String, Value>,
}

impl ModelFiles {
    /// Reads `config.json`. What newer files put into `rope_parameters`, candle looks for at the
    /// top.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("config.json");
        let text = read_text(&path, FileKind::ModelConfiguration).map_err(|error| Error::io(&path, error))?;
        let failed = |message: String| Error::Config(format!("{}: {message}", path.display()));
        let json: Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        let Value::Object(mut config) = json else { return Err(failed("expected an object".into())) };
        if let Some(Value::Object(rope)) = config.get("rope_parameters").cloned() {
            for (key, value) in rope {
                config.entry(key).or_insert(value);
            }
        }
        Ok(ModelFiles { directory: directory.to_owned(), config })
    }

    /// A key that is to be there, with what `transformers` takes where a file leaves it out.
    pub(crate) fn default(&mut self, key: &str, value: Value) {
        let missing = self.config.get(key).is_none_or(Value::is_null);
        if missing {
            self.config.insert(key.to_owned(), value);
        }
    }

    /// The configuration as one of candle's.
    pub(crate) fn parse<C: serde::de::DeserializeOwned>(&self) -> Result<C> {
        let path = self.directory.join("config.json");
        let parsed = serde_json::from_value(Value::Object(self.config.clone()));
        parsed.map_err(|error| Error::Config(format!("{}: {error}", path.display())))
    }

    /// A number of the configuration.
    pub(crate) fn size(&self, key: &str) -> Option<usize> {
        self.config.get(key).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok())
    }

    /// A model, made of the directory's weights in `dtype`.
    pub(crate) fn load<M>(&self, dtype: DType, make: impl FnOnce(VarBuilder<'_>) -> candle_core::Result<M>) -> Result<M> {
        let failed = |message: String| Error::Weights(format!("{}: {message}", self.directory.display()));
        // Checks the headers, and that shards and index agree.
        let weights = DirectoryWeights::open(&self.directory)?;
        let read = || -> candle_core::Result<M> {
            let mut tensors: HashMap<String, Tensor> = HashMap::new();
            for file in weights.files() {
                for (name, tensor) in candle_core::safetensors::load(file, &Device::Cpu)? {
                    tensors.insert(name, tensor.to_dtype(dtype)?);
                }
            }
            make(VarBuilder::from_tensors(tensors, dtype, &Device::Cpu))
        };
        caught(read).map_err(&failed)?.map_err(|error| failed(error.to_string()))
    }
}
