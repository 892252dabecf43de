//! Trained models on disk.
//!
//! A language model is a Hugging Face directory. A trained compressor is `compressor.safetensors`, beside the generator's adapter in
//! PEFT's layout (`adapter_config.json`, `adapter_model.safetensors`) and the resolved configuration (`config.toml`).

use std::path::Path;

use scaledown_sdk::Tensor;
use scaledown_sdk::nn::peft::{SavedAdapter, save_adapter};
use scaledown_sdk::nn::safetensors::{DirectoryWeights, SafetensorsFile, write_safetensors};
use scaledown_sdk::nn::{Params, WeightSource};

use super::{LanguageModel, Oscar};
use crate::artifact::{self, DirectoryWriter};
use crate::config::Config;
use crate::training::checkpoint::{load_trainable, trainable, write_tensors};
use crate::{Error, Result};

/// The parameter whose rows are the memory tokens, in every compressor built on [`MemoryTokens`](scaledown_sdk::nn::MemoryTokens).
const MEMORY_EMBEDDINGS: &str = "memory_embeddings";
const COMPRESSOR: &str = "compressor";
const ADAPTER: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

/// Writes a language model as a Hugging Face directory, with the tokenizer that it was read with.
///
/// # Errors
/// If the disk is full or cannot be written.
pub fn save_language_model(model: &LanguageModel, directory: &Path) -> Result<()> {
    let mut writer = DirectoryWriter::new(directory)?;
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"] {
        let path = model.directory.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => writer.write(name, &bytes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(&path, error)),
        }
    }
    let params = model.params.all();
    let tensors = params.iter().map(|param| (param.name(), param.tensor().detach()));
    let weights = "model.safetensors";
    writer.fill(&[weights], |directory| write_safetensors(directory.join(weights), tensors, &[("format", "pt")]))?;
    writer.commit()?;
    tracing::info!(directory = %directory.display(), "model written");
    Ok(())
}

/// Writes a trained compressor with the generator's adapter and the configuration that it was trained with.
///
/// # Errors
/// If the disk is full or cannot be written.
pub fn save_oscar(oscar: &Oscar, config: &Config, directory: &Path) -> Result<()> {
    let mut writer = DirectoryWriter::new(directory)?;
    write_tensors(&mut writer, COMPRESSOR, trainable(&oscar.compressor_params))?;
    if oscar.model.params.lora().is_some() {
        let base = &config.require_generator()?.model;
        writer.fill(&ADAPTER, |directory| save_adapter(directory, &oscar.model.params, base))?;
    }
    writer.write("config.toml", config.to_toml()?.as_bytes())?;
    writer.commit()?;
    tracing::info!(directory = %directory.display(), "model written");
    Ok(())
}

/// Sets a model's parameters to those of a trained one.
///
/// # Errors
/// If a file is missing or damaged, or a tensor is missing or misshapen; the error names it.
pub fn load_oscar(oscar: &Oscar, directory: &Path) -> Result<()> {
    let reader = artifact::open(directory)?;
    let compressor = SafetensorsFile::open(reader.verified(&format!("{COMPRESSOR}.safetensors"))?)?;
    load_trainable(&oscar.compressor_params, &compressor)?;
    if oscar.model.params.lora().is_some() {
        ADAPTER.iter().try_for_each(|name| reader.verified(name).map(drop))?;
        SavedAdapter::open(directory)?.restore(&oscar.model.params)?;
    }
    Ok(())
}

/// Starts a model from a pretrained compressor: every parameter that has the stored one's name and shape takes its value, and so does the
/// adapter. Of embeddings of another number of memory tokens, as many are taken as there are places for. Returns the names of parameters that found no value.
///
/// # Errors
/// If a file is missing or damaged.
pub fn start_from(oscar: &Oscar, directory: &Path) -> Result<Vec<String>> {
    let reader = artifact::open(directory)?;
    let compressor = SafetensorsFile::open(reader.verified(&format!("{COMPRESSOR}.safetensors"))?)?;
    let missing = copy_matching(&oscar.compressor_params, &compressor)?;
    if oscar.model.params.lora().is_some() && reader.contains(ADAPTER[1]) {
        SavedAdapter::open(directory)?.restore(&oscar.model.params)?;
    }
    Ok(missing)
}

/// Starts a language model from a stored one, which may have fewer layers: every parameter that has a stored one's name and shape takes
/// its value. Layers on top that start from small random weights hardly change what the model computes (progressive stacking). Returns the
/// names of parameters that found no value.
///
/// # Errors
/// If the weights cannot be read.
pub fn start_language_model_from(model: &LanguageModel, directory: &Path) -> Result<Vec<String>> {
    copy_matching(&model.params, &DirectoryWeights::open(directory)?)
}

fn copy_matching(params: &Params, source: &dyn WeightSource) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for param in params.trainable() {
        let wanted = param.tensor().spec().clone();
        let stored = source.spec(param.name()).map(|spec| spec.shape);
        let fits = |stored: &[usize], wanted: &[usize]| {
            let rows = stored.first() == wanted.first() || param.name().ends_with(MEMORY_EMBEDDINGS);
            rows && stored.len() == wanted.len() && stored[1..] == wanted[1..]
        };
        match stored {
            Some(shape) if shape.rank() > 0 && fits(shape.dims(), wanted.shape.dims()) => {
                let value = params.device().upload(&source.read(param.name())?)?.cast(wanted.dtype)?;
                let (rows, all) = (shape.dims()[0].min(wanted.shape.dims()[0]), wanted.shape.dims()[0]);
                let taken = value.slice(0, 0, rows)?;
                let own = param.tensor().detach().slice(0, rows, all - rows)?;
                param.set(&Tensor::concat(&[&taken, &own], 0)?)?;
            }
            _ => missing.push(param.name().to_owned()),
        }
    }
    Ok(missing)
}
