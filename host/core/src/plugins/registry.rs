//! The components that can be chosen in a configuration, by kind and name, and how one is made.
//!
//! A native plugin is here because its crate is linked into the binary, and one that comes as a
//! file because a configuration named it (`super::loader`). Only that tells which it is.

use std::collections::BTreeMap;
use std::path::Path;

use parking_lot::RwLock;
use scaledown_sdk::component::{
    Compressor, CompressorContext, Corpus, CorpusContext, Factory, Generator, GeneratorContext, Kind, Registration, Reranker,
    RerankerContext, Retriever, RetrieverContext, Teacher, TeacherContext, registrations,
};
use scaledown_sdk::{Device, Error as SdkError};
use serde_json::Value;

use super::Component;
use crate::error::Result;
use crate::support::hub;
use crate::support::marks::RENAMED_FROM;
use crate::text::open_chat_tokenizer;

/// The key under which [`stamped`] writes a digest. No plugin's key is called so.
pub const DIGEST: &str = "plugin sha256";

/// The plugins that configurations have named, which come as files.
static DECLARED: RwLock<BTreeMap<(Kind, String), &'static Registration>> = RwLock::new(BTreeMap::new());

/// Enters what the plugin `name` offers, in place of what another of this name has offered.
pub(super) fn declare(name: &str, entries: &[&'static Registration]) {
    let mut declared = DECLARED.write();
    declared.retain(|(_, other), _| other != name);
    declared.extend(entries.iter().map(|entry| ((entry.kind(), name.to_owned()), *entry)));
}

/// Whether a plugin of this kind and name or alias is linked in.
pub(super) fn is_linked(kind: Kind, name: &str) -> bool {
    registrations().any(|entry| entry.kind() == kind && entry.is_named(name))
}

/// The digest of the file that a plugin comes from; nothing for one that is linked in.
#[must_use]
pub fn digest(kind: Kind, name: &str) -> Option<&'static str> {
    find(kind, name)?.digest
}

/// A component's table as a run writes it down: with the digest of the file that its plugin comes
/// from, if it comes from one.
#[must_use]
pub fn stamped(kind: Kind, component: &Component) -> Component {
    let mut component = component.clone();
    if let Some(digest) = digest(kind, &component.plugin) {
        component.options.insert(DIGEST.into(), digest.into());
    }
    component
}

/// All components, by kind and then by name.
pub fn entries() -> impl Iterator<Item = &'static Registration> {
    let declared = DECLARED.read();
    let mut entries: Vec<_> = registrations().chain(declared.values().copied()).collect();
    entries.sort_by_key(|entry| (entry.kind(), entry.name));
    entries.into_iter()
}

/// The names of a kind, in alphabetical order.
#[must_use]
pub fn names(kind: Kind) -> Vec<&'static str> {
    entries().filter(|entry| entry.kind() == kind).map(|entry| entry.name).collect()
}

/// The component of this kind whose name or alias is `name`.
#[must_use]
pub fn find(kind: Kind, name: &str) -> Option<&'static Registration> {
    entries().find(|entry| entry.kind() == kind && entry.is_named(name))
}

/// Whether a plugin's schema marks a key, by its present or former name, as operational: no result
/// depends on it.
#[must_use]
pub fn is_operational(kind: Kind, plugin: &str, key: &str) -> bool {
    let schema = find(kind, plugin).map(|entry| (entry.schema)());
    let properties = schema.as_ref().and_then(|schema| schema.get("properties")?.as_object());
    let mut properties = properties.into_iter().flatten();
    let found = properties.find(|(name, schema)| *name == key || schema.get(RENAMED_FROM).is_some_and(|former| former == key));
    found.is_some_and(|(_, schema)| schema.get("operational").is_some_and(|mark| mark == true))
}

/// Makes the device that `component` describes.
///
/// # Errors
/// If there is no such plugin, its keys are wrong, or the machine has no such device.
pub fn device(component: &Component) -> Result<Device> {
    let (factory, keys) = prepare(Kind::Device, component)?;
    let Factory::Device(build) = factory else { return Err(unknown(Kind::Device, component).into()) };
    let device = build(keys).map_err(|error| blame(Kind::Device, error))?;
    tracing::info!(device = device.name(), threads = device.info().threads, "device opened");
    Ok(device)
}

/// Makes the compressor that `component` describes. A model of its own that is named by a hub id is
/// downloaded first.
///
/// # Errors
/// If there is no such plugin, its keys are wrong, its model cannot be had, or it cannot be made
/// for this generator.
pub fn compressor(component: &Component, context: CompressorContext) -> Result<Box<dyn Compressor>> {
    let (factory, keys) = prepare(Kind::Compressor, component)?;
    let Factory::Compressor(build) = factory else { return Err(unknown(Kind::Compressor, component).into()) };
    Ok(build(keys, context).map_err(|error| blame(Kind::Compressor, error))?)
}

/// Makes the generator that `component` describes.
///
/// # Errors
/// If there is no such plugin, its keys are wrong, or the model cannot be read.
pub fn generator(component: &Component, context: GeneratorContext) -> Result<Box<dyn Generator>> {
    let (factory, keys) = prepare(Kind::Generator, component)?;
    let Factory::Generator(build) = factory else { return Err(unknown(Kind::Generator, component).into()) };
    Ok(build(keys, context).map_err(|error| blame(Kind::Generator, error))?)
}

/// Makes the corpus that `component` describes.
///
/// # Errors
/// If there is no such plugin, its keys are wrong, or what they name is not there.
pub fn corpus(component: &Component) -> Result<Box<dyn Corpus>> {
    let (factory, keys) = prepare(Kind::Corpus, component)?;
    let Factory::Corpus(build) = factory else { return Err(unknown(Kind::Corpus, component).into()) };
    Ok(build(keys, CorpusContext::default()).map_err(|error| blame(Kind::Corpus, error))?)
}

/// Makes the retriever that `component` describes, which keeps its files in `directory`.
///
/// # Errors
/// If there is no such plugin, its keys are wrong, its model cannot be had, or its index is damaged
/// or another's.
pub fn retriever(component: &Component, device: &Device, directory: &Path) -> Result<Box<dyn Retriever>> {
    let (factory, keys) = prepare(Kind::Retriever, component)?;
    let Factory::Retriever(build) = factory else { return Err(unknown(Kind::Retriever, component).into()) };
    let context = RetrieverContext { device: device.clone(), directory: directory.to_owned() };
    Ok(build(keys, context).map_err(|error| blame(Kind::Retriever, error))?)
}

/// Makes the reranker that `component` describes.
///
/// # Errors
/// If there is no such plugin, its keys are wrong, or its model cannot be had.
pub fn reranker(component: &Component, device: &Device) -> Result<Box<dyn Reranker>> {
    let (factory, keys) = prepare(Kind::Reranker, component)?;
    let Factory::Reranker(build) = factory else { return Err(unknown(Kind::Reranker, component).into()) };
    Ok(build(keys, RerankerContext { device: device.clone() }).map_err(|error| blame(Kind::Reranker, error))?)
}

/// Makes the teacher that `component` describes.
///
/// # Errors
/// If there is no such plugin, its keys are wrong, or its model cannot be had.
pub fn teacher(component: &Component, device: &Device) -> Result<Box<dyn Teacher>> {
    let (factory, keys) = prepare(Kind::Teacher, component)?;
    let Factory::Teacher(build) = factory else { return Err(unknown(Kind::Teacher, component).into()) };
    let context = TeacherContext { device: device.clone(), tokenizer: open_chat_tokenizer };
    Ok(build(keys, context).map_err(|error| blame(Kind::Teacher, error))?)
}

/// The plugin's factory and the keys to hand to it, in which every model is a local directory.
fn prepare(kind: Kind, component: &Component) -> Result<(Factory, Value)> {
    let entry = find(kind, &component.plugin).ok_or_else(|| unknown(kind, component))?;
    let schema = (entry.schema)();
    let mut keys = component.options.clone();
    let revision = keys.get("revision").and_then(Value::as_str).map(str::to_owned);
    for (name, value) in &mut keys {
        let is_model = schema.pointer(&format!("/properties/{name}/format")).is_some_and(|format| format == "model");
        if let (true, Some(model)) = (is_model, value.as_str()) {
            let directory = hub::HubSettings::from_environment().resolve(model, revision.as_deref())?;
            *value = directory.to_string_lossy().into();
        }
    }
    Ok((entry.factory, Value::Object(keys)))
}

fn blame(kind: Kind, error: SdkError) -> SdkError {
    error.at(format!("[{kind}]"))
}

fn unknown(kind: Kind, component: &Component) -> SdkError {
    if let Some(message) = super::how_to_build_in(kind, &component.plugin) {
        return SdkError::Config(message);
    }
    let known = names(kind).join(", ");
    SdkError::Config(format!("unknown {kind} plugin `{}`; expected one of: {known}", component.plugin))
}
