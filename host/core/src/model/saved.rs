//! Trained models, written to the disk.
//!
//! A language model is a Hugging Face directory. A trained compressor is `compressor.safetensors`,
//! beside the generator's adapter in PEFT's layout (`adapter_config.json`,
//! `adapter_model.safetensors`; none where the generator has no adapter), a checksum of the
//! generator's own weights (`base.json`) and the resolved configuration (`config.toml`).

use std::path::Path;

use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_sdk::nn::peft::save_adapter;
use scaledown_sdk::nn::safetensors::write_safetensors;

use super::base::base_checksum;
use super::tensors::{trainable, write_tensors};
use super::{LanguageModel, Oscar};
use crate::support::artifact::DirectoryWriter;
use crate::{Error, Result};

pub(super) const COMPRESSOR: &str = "compressor.safetensors";
/// Which generator it was trained beside.
pub(super) const BASE: &str = "base.json";
pub(super) const ADAPTER: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

/// Writes a language model as a Hugging Face directory, with the tokenizer that it was read with.
///
/// # Errors
/// If the disk is full or cannot be written.
pub fn save_language_model(model: &LanguageModel, directory: &Path) -> Result<()> {
    let mut writer = DirectoryWriter::new(directory)?;
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"] {
        let path = model.directory.join(name);
        match read_bytes(&path, FileKind::Tokenizer) {
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

/// Writes a trained compressor with the adapter of its `generator` (a model's name) and `config`,
/// the text of the configuration that it was trained with.
///
/// # Errors
/// If the disk is full or cannot be written.
pub fn save_oscar(oscar: &Oscar, generator: &str, config: &str, directory: &Path) -> Result<()> {
    let mut writer = DirectoryWriter::new(directory)?;
    write_tensors(&mut writer, "compressor", trainable(&oscar.compressor_params))?;
    if oscar.model.params.lora().is_some() {
        writer.fill(&ADAPTER, |directory| save_adapter(directory, &oscar.model.params, generator))?;
    }
    if let Some(checksum) = base_checksum([&oscar.model.params])? {
        writer.write(BASE, serde_json::json!({ "generator_checksum": checksum }).to_string().as_bytes())?;
    }
    writer.write("config.toml", config.as_bytes())?;
    writer.commit()?;
    tracing::info!(directory = %directory.display(), "model written");
    Ok(())
}
