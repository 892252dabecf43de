//! Published compressors, made into models of ours: NAVER's COCOM family (PISCO, OSCAR, and with
//! them CLaRa and DEX-Comp) and the layout of naver/pisco.
//!
//! What comes out is a trained compressor as [`save_oscar`](super::save_oscar) writes it, with its
//! generator and, where it has one, the compressor's small model in directories within. Pickles are
//! read without running them, once; afterwards everything is safetensors.

mod bounded;
mod cocom;
mod error;
mod family;
mod generator;
mod licence;
mod parts;
mod pickle;
mod pisco;
mod tokens;

use std::path::{Path, PathBuf};

pub use error::ImportError;
use serde::Serialize;

use crate::Result;
use crate::support::artifact::DirectoryWriter;
use family::Family;

/// Where a checkpoint's parts come from.
#[derive(Clone, Debug)]
pub struct ImportOptions<'a> {
    /// The checkpoint's directory.
    pub source: &'a Path,
    /// What the checkpoint is called: a hub id or a path.
    pub name: &'a str,
    /// The directory of the generator; that which the checkpoint names, if not given.
    pub generator: Option<&'a str>,
    /// The directory of the compressor's base model, likewise; of a compressor of its own, its
    /// configuration and tokenizer are read.
    pub compressor: Option<&'a str>,
}

/// What was imported.
#[derive(Clone, Debug, Serialize)]
pub struct Imported {
    /// What the checkpoint is, for people.
    pub layout: String,
    /// The generator that it names.
    pub generator: String,
    /// The plugin that compresses.
    pub compressor: String,
    /// The vectors of a document, at most.
    pub memory_tokens: usize,
    /// The tokens of a document that are read.
    pub document_tokens: usize,
    /// The directory that was written.
    pub model: PathBuf,
    /// What may be done with it.
    pub licence: Vec<String>,
    /// What differs from the code that the checkpoint was published with.
    pub notes: Vec<String>,
}

/// Makes a model in `model` of the checkpoint.
///
/// # Errors
/// If the checkpoint is of no known layout, holds something else than tensors, or its generator
/// cannot be had; or if the disk is full.
pub fn import(options: &ImportOptions<'_>, model: &Path) -> Result<Imported> {
    let family = Family::read(options.source)?;
    let mut writer = DirectoryWriter::new(model)?;
    let made = match &family {
        Family::Cocom(config) => cocom::import(config, options, &mut writer)?,
        Family::Pisco(config) => pisco::import(config, options, &mut writer)?,
    };
    writer.commit()?;
    Ok(Imported {
        layout: made.layout,
        generator: made.generator,
        compressor: made.compressor,
        memory_tokens: made.memory_tokens,
        document_tokens: made.document_tokens,
        model: model.to_owned(),
        licence: licence::notes(options.source, options.name, &family.models()),
        notes: made.notes,
    })
}

/// Reads all tensors of a file that `torch.save` wrote, for fuzzing. Returns their number.
///
/// # Errors
/// If the file is damaged, or holds something else than tensors.
#[doc(hidden)]
pub fn read_pickle(path: &Path) -> Result<usize> {
    use scaledown_sdk::nn::WeightSource;
    let pickle = pickle::TorchPickle::open(path)?;
    let names = pickle.names();
    names.iter().try_for_each(|name| pickle.read(name).map(drop))?;
    Ok(names.len())
}

/// What an importer has made.
struct Made {
    layout: String,
    generator: String,
    compressor: String,
    memory_tokens: usize,
    document_tokens: usize,
    notes: Vec<String>,
}
