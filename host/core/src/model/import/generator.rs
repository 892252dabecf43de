//! The generator of an imported model: the base model's files, with other embeddings and a
//! tokenizer with more tokens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_sdk::nn::WeightSource;
use scaledown_sdk::nn::safetensors::{DirectoryWeights, SafetensorsFile};
use scaledown_sdk::{Error as SdkError, Result};
use serde_json::{Value, json};

use super::parts::{Tensors, write};
use super::tokens::{ImportedTokens, write_file};

/// The file of the weights that replace the base model's.
const REPLACED: &str = "embeddings.safetensors";

/// Writes the directory `target` of a model whose weights are those of `base` but for `replaced`.
/// Files of weights are linked to where that is possible, so that they take no space, and else
/// copied.
///
/// # Errors
/// If a file cannot be read or written.
pub(super) fn write_generator(base: &Path, replaced: &Tensors, tokens: &ImportedTokens, target: &Path) -> Result<()> {
    std::fs::create_dir_all(target).map_err(|error| SdkError::io(target, error))?;
    write_config(base, replaced, target)?;
    tokens.write(target)?;
    let weights = DirectoryWeights::open(base)?;
    let files: Vec<PathBuf> = weights.files().map(Path::to_owned).collect();
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for (number, file) in files.iter().enumerate() {
        let name = format!("base-{:05}.safetensors", number + 1);
        link(file, &target.join(&name))?;
        map.extend(SafetensorsFile::open(file)?.names().into_iter().map(|tensor| (tensor, name.clone())));
    }
    map.retain(|name, _| weights.spec(name).is_some());
    map.extend(replaced.keys().map(|name| (name.clone(), REPLACED.to_owned())));
    write(&target.join(REPLACED), replaced)?;
    let index = json!({ "metadata": {}, "weight_map": map });
    write_file(&target.join("model.safetensors.index.json"), format!("{index:#}\n").as_bytes())
}

/// The base model's configuration with the number of tokens of the new embeddings.
fn write_config(base: &Path, replaced: &Tensors, target: &Path) -> Result<()> {
    let path = base.join("config.json");
    let bytes = read_bytes(&path, FileKind::ModelConfiguration).map_err(|error| SdkError::io(&path, error))?;
    let failed = |error: serde_json::Error| SdkError::Config(format!("{}: {error}", path.display()));
    let mut config: Value = serde_json::from_slice(&bytes).map_err(failed)?;
    if let (Some(table), Some(config)) = (replaced.get("model.embed_tokens.weight"), config.as_object_mut()) {
        config.insert("vocab_size".into(), json!(table.spec().shape.rows()));
    }
    write_file(&target.join("config.json"), format!("{config:#}\n").as_bytes())
}

/// Gives a file a second name, or copies it where the file system has no such thing.
pub(super) fn link(file: &Path, to: &Path) -> Result<()> {
    let file = file.canonicalize().map_err(|error| SdkError::io(file, error))?;
    if std::fs::hard_link(&file, to).is_ok() {
        return Ok(());
    }
    std::fs::copy(&file, to).map(drop).map_err(|error| SdkError::io(to, error))
}
