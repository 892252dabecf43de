//! Whether a configuration fits what it names on this machine: models and files of records. Nothing
//! is asked of a hub.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use scaledown_sdk::files::{FileKind, read_bytes};
use serde_json::Value;

use super::paths;
use crate::support::gguf::is_gguf;
use crate::support::hub;

/// A key and a message about its value.
pub(super) type Finding = (Vec<String>, String);

/// The findings about a configuration's files and models.
#[derive(Default)]
pub(super) struct Findings {
    /// Unusable files and models.
    pub(super) problems: Vec<Finding>,
    /// Missing files and models. An earlier command may make it: the model of one training is where
    /// the next one starts.
    pub(super) absent: Vec<Finding>,
}

/// Why a value does not fit.
enum FileFault {
    Absent(String),
    Wrong(String),
}

/// Checks every file, directory and local model that `value`, a resolved configuration, names.
pub(super) fn look(value: &Value, schema: &Value) -> Findings {
    let mut findings = Findings::default();
    let root = value;
    paths::visit(&mut value.clone(), schema, &mut Vec::new(), &mut |key, schema, value| {
        let outcome = match (paths::format(schema), &*value) {
            ("path", Value::String(path)) => file(Path::new(path)),
            ("directory", Value::String(path)) => directory(Path::new(path)),
            ("file-or-directory", Value::String(path)) => readable(Path::new(path)),
            ("model", Value::String(name)) => model(name, key, root),
            ("tokenizer", Value::String(name)) => tokenizer(name),
            ("generator-layers", Value::Number(layers)) => generator_layers(layers.as_u64(), root),
            _ => Ok(()),
        };
        match outcome {
            Ok(()) => {}
            Err(FileFault::Absent(message)) => findings.absent.push((key.to_vec(), message)),
            Err(FileFault::Wrong(message)) => findings.problems.push((key.to_vec(), message)),
        }
    });
    findings
}

/// Problems with the output directories: each must be a directory or creatable.
pub(super) fn outputs(value: &Value, schema: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    paths::visit(&mut value.clone(), schema, &mut Vec::new(), &mut |key, schema, value| {
        if let ("output-path", Value::String(path)) = (paths::format(schema), &*value)
            && let Some(message) = in_the_way(Path::new(path)).or_else(|| foreign(Path::new(path)))
        {
            findings.push((key.to_vec(), message));
        }
    });
    findings
}

/// The file, if there is one, that stands where a directory or one around it is to be.
fn in_the_way(directory: &Path) -> Option<String> {
    let (place, found) = directory.ancestors().find_map(|place| Some((place, std::fs::metadata(place).ok()?)))?;
    let what = if place == directory { "a directory to write into" } else { "a parent directory to write into" };
    (!found.is_dir()).then(|| format!("{} is a file, expected {what}", place.display()))
}

/// The files that commands write.
const OWN: [&str; 24] = [
    "LOCK",
    "build-",
    "checkpoints",
    "config.toml",
    "data",
    "index",
    "journal",
    "metrics",
    "model",
    "plots",
    "predictions",
    "prepared",
    "pretrained",
    "pretraining",
    "queries",
    "records",
    "report",
    "retriever",
    "chunks.redb",
    "shard-",
    "tensorboard",
    "test",
    "train",
    "validation",
];

/// Why a directory must not be written into: it is a system or home directory, or it holds other
/// files and nothing that a run writes.
fn foreign(directory: &Path) -> Option<String> {
    let place = directory.canonicalize().ok()?;
    let is_home = std::env::var_os("HOME").is_some_and(|home| Path::new(&home).canonicalize().is_ok_and(|home| home == place));
    let is_system = place.parent().is_none_or(|parent| parent.parent().is_none() && !place.starts_with("/tmp"));
    let shown = place.display();
    if place.parent().is_none() || is_home || (is_system && holds_others(&place)) {
        return Some(format!(
            "{shown} is a system or home directory; expected a directory for this run alone, such as {shown}/run"
        ));
    }
    holds_others(&place).then(|| {
        format!("{shown} holds files that are not a run's; expected a directory for this run alone, such as {shown}/run")
    })
}

/// Whether there are files in a directory, and none that a run writes.
fn holds_others(directory: &Path) -> bool {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    !names.is_empty() && !names.iter().any(|name| OWN.iter().any(|own| name.starts_with(own)))
}

fn file(path: &Path) -> Result<(), FileFault> {
    let shown = path.display();
    // A fifo is not opened here: that would wait for its writer.
    let found = std::fs::metadata(path);
    let found = found.and_then(|found| if found.is_file() { File::open(path)?.metadata() } else { Ok(found) });
    match found {
        Ok(found) if found.is_dir() => Err(FileFault::Wrong(format!("{shown} is a directory, expected a file"))),
        Ok(_) => Ok(()),
        Err(error) => Err(unreachable(path, &error)),
    }
}

fn readable(path: &Path) -> Result<(), FileFault> {
    std::fs::metadata(path).map(drop).map_err(|error| unreachable(path, &error))
}

fn directory(path: &Path) -> Result<(), FileFault> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(FileFault::Wrong(format!("{} is a file, expected a directory", path.display()))),
        Err(error) => Err(unreachable(path, &error)),
    }
}

fn unreachable(path: &Path, error: &std::io::Error) -> FileFault {
    match error.kind() {
        ErrorKind::NotFound => {
            FileFault::Absent(format!("{} does not exist; create it before running this configuration", path.display()))
        }
        _ => FileFault::Wrong(format!("{} cannot be read: {error}", path.display())),
    }
}

/// A model at `key`: a hub id, or a directory with what a model needs.
fn model(name: &str, key: &[String], root: &Value) -> Result<(), FileFault> {
    if key == ["generator", "model"] && is_gguf(name) {
        return file(Path::new(name));
    }
    let Some(path) = local(name)? else { return Ok(()) };
    let lacks = |what: &str| Err(FileFault::Wrong(format!("{name} is not a model: it has no {what}")));
    if description(path)?.is_none() {
        return lacks("config.json");
    }
    let table = key.first().and_then(|section| root.get(section));
    if table.and_then(|table| table.get("init")).and_then(Value::as_str) != Some("random") && !has_weights(path) {
        return lacks("weights (*.safetensors); `init = \"random\"` needs none");
    }
    if key == ["generator", "model"] && !path.join("tokenizer.json").is_file() {
        return lacks("tokenizer.json");
    }
    Ok(())
}

/// The directory that a model's name means, which must be there; nothing if it is a hub id.
fn local(name: &str) -> Result<Option<&Path>, FileFault> {
    let path = Path::new(name);
    if !path.is_absolute() {
        let message = format!("found {name:?}, expected a directory that exists, or a hub id such as \"owner/name\"");
        return if hub::is_hub_id(name) { Ok(None) } else { Err(FileFault::Wrong(message)) };
    }
    directory(path).map(|()| Some(path))
}

/// A hub id, or a directory with a tokenizer.
fn tokenizer(name: &str) -> Result<(), FileFault> {
    match local(name)? {
        Some(path) if !path.join("tokenizer.json").is_file() => Err(FileFault::Wrong(format!("{name} has no tokenizer.json"))),
        _ => Ok(()),
    }
}

/// The `config.json` of a model, if it has one.
fn description(directory: &Path) -> Result<Option<Value>, FileFault> {
    let path = directory.join("config.json");
    let wrong = |error: &dyn std::fmt::Display| FileFault::Wrong(format!("{}: {error}", path.display()));
    match read_bytes(&path, FileKind::ModelConfiguration) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| wrong(&error)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(&error)),
    }
}

fn has_weights(directory: &Path) -> bool {
    let is_weights = |path: &Path| path.extension().is_some_and(|extension| extension == "safetensors");
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| is_weights(&entry.path()))
}

/// A number of the generator's layers; what a hub's model has is not known here.
fn generator_layers(layers: Option<u64>, root: &Value) -> Result<(), FileFault> {
    let generator = root.pointer("/generator/model").and_then(Value::as_str).filter(|name| Path::new(name).is_absolute());
    // Defects of the generator are reported for its own key.
    let description = generator.and_then(|name| description(Path::new(name)).ok().flatten());
    let most = description.and_then(|description| description.get("num_hidden_layers").and_then(Value::as_u64));
    match (layers, most, generator) {
        (Some(layers), Some(most), Some(name)) if layers > most => {
            Err(FileFault::Wrong(format!("found {layers}, expected at most {most}, the number of layers of {name}")))
        }
        _ => Ok(()),
    }
}
