//! A generator with its tokenizer and prompt.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use scaledown_sdk::component::{Generator, GeneratorContext};
use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{Param, ParamOptions, Params, WeightSource};
use scaledown_sdk::{DType, Device, Error as SdkError};

use super::config::{GeneratorInit, ModelConfig, Precision};
use crate::plugins::registry;
use crate::support::gguf::{GgufModel, is_gguf};
use crate::support::hub;
use crate::text::{PromptTemplate, Tokenizer};
use crate::{Error, Result};

/// A generator with what surrounds it.
pub struct LanguageModel {
    /// The device that the model is on.
    pub device: Device,
    /// The model.
    pub generator: Box<dyn Generator>,
    /// Its parameters.
    pub params: Params,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// Its prompt.
    pub prompt: PromptTemplate,
    /// The directory that it was read from.
    pub directory: PathBuf,
    /// Its stored weights; `None` if it was made from random ones.
    pub weights: Option<Arc<dyn WeightSource>>,
    /// The GGUF file that it was read from, whose description lives as long.
    _gguf: Option<GgufModel>,
}

/// Which of a generator's parameters train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// No parameter trains and no adapter is added.
    Frozen,
    /// Only a LoRA adapter trains. `generator.lora = false` leaves it out.
    Adapted,
    /// All parameters train.
    FullFinetune,
}

impl LanguageModel {
    /// Loads the generator that `config` describes on `device`.
    ///
    /// # Errors
    /// If the model cannot be found, its configuration is not supported, or weights are missing,
    /// superfluous or misshapen.
    pub fn load(config: &ModelConfig<'_>, device: &Device, role: Role) -> Result<Self> {
        let started = Instant::now();
        let table = config.generator;
        let gguf = if is_gguf(&table.model) { Some(GgufModel::open(Path::new(&table.model))?) } else { None };
        let directory = match &gguf {
            Some(gguf) => gguf.directory().to_owned(),
            None => hub::HubSettings::from_environment().resolve(&table.model, table.revision.as_deref())?,
        };
        let options = ParamOptions {
            device: device.clone(),
            dtype: dtype(table.dtype.unwrap_or(config.dtype)),
            trainable: role == Role::FullFinetune,
            seed: config.seed,
            lora: table.adapter().filter(|_| role == Role::Adapted),
            quantization: None,
        };
        let weights: Option<Arc<dyn WeightSource>> = match (table.init, &gguf) {
            (GeneratorInit::Pretrained, Some(gguf)) => Some(gguf.weights()),
            (GeneratorInit::Pretrained, None) => Some(Arc::new(DirectoryWeights::open(&directory)?)),
            (GeneratorInit::Random, _) => None,
        };
        let params = match &weights {
            Some(weights) => Params::load(options, Arc::clone(weights)),
            None => Params::random(options),
        };
        let context = GeneratorContext { params: params.clone(), directory: directory.clone() };
        let generator = registry::generator(&table.component(), context).map_err(|error| match error.downcast::<SdkError>() {
            Ok(error) => error.of_model(&directory.join("config.json")).into(),
            Err(other) => other,
        })?;
        params.finish()?;
        log_loaded("generator", &params, started);
        Ok(LanguageModel {
            device: device.clone(),
            generator,
            params,
            tokenizer: Tokenizer::from_directory(&directory)?,
            prompt: PromptTemplate::new(config.prompt)?,
            directory,
            weights,
            _gguf: gguf,
        })
    }

    /// The model's `config.json`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn config_json(&self) -> Result<serde_json::Value> {
        let path = self.directory.join("config.json");
        let bytes = read_bytes(&path, FileKind::ModelConfiguration).map_err(|error| Error::io(&path, error))?;
        serde_json::from_slice(&bytes).map_err(|error| Error::line(&path, error.line(), error.to_string()))
    }
}

/// Logs what a part of a model is made of.
pub(super) fn log_loaded(part: &str, params: &Params, started: Instant) {
    let count = |params: &[Param]| params.iter().map(|param| param.tensor().spec().shape.count()).sum::<usize>();
    let (parameters, trainable) = (count(&params.all()), count(&params.trainable()));
    let (dtype, seconds) = (params.dtype(), started.elapsed().as_secs_f64());
    tracing::info!(parameters, trainable, %dtype, seconds, "{part} loaded");
}

/// The element type that a configuration's precision stands for.
#[must_use]
pub fn dtype(precision: Precision) -> DType {
    match precision {
        Precision::F32 => DType::F32,
        Precision::Bf16 => DType::BF16,
    }
}
