//! From layers to one checked configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::value::{Dict, Num, Tag, Value};
use scaledown_sdk::component::Kind;

use super::checks::Finding;
use super::layers::{Layer, Numbered};
use super::lines::KeyLines;
use super::plugins::Plugins;
use super::{Config, ConfigError, Origin, Overrides, Problem, checks, layers, paths, plugins, renamed, schema, validate};
use crate::model::adapter_problem;
use crate::plugins::registry;
use crate::text::PromptTemplate;
use crate::train::config::MicroBatch;

/// A checked configuration, with the way back to where its values were set.
pub(super) struct Resolved {
    pub(super) config: Config,
    value: serde_json::Value,
    schema: serde_json::Value,
    merged: MergedLayers,
    /// A note for each key that has its former name.
    pub(super) notes: Vec<Problem>,
    files: Plugins,
}

impl Resolved {
    /// A layer of one run of the sweep: where each value stands below `sweep`, its key and the
    /// value. It has the origin of the first.
    pub(super) fn layer_of_sweep(&self, values: &[(Vec<String>, Vec<String>, serde_json::Value)]) -> Result<Layer, ConfigError> {
        let place = values.first().map(|(place, ..)| place.as_slice()).unwrap_or_default();
        let place = [&["sweep".to_owned()], place].concat();
        let origin = self.merged.origin_of(&place);
        let mut dict = Dict::new();
        for (_, key, value) in values {
            insert(&mut dict, key, Value::serialize(value).map_err(internal)?);
        }
        let directory = Some(self.merged.directory_of(&place));
        Ok(Layer { origin, directory, lines: KeyLines::default(), literal: None, values: dict })
    }

    /// Checks the models and files that the configuration names. Returns those that are missing.
    pub(super) fn preflight(&self) -> Result<Vec<Problem>, ConfigError> {
        let findings = checks::look(&self.value, &self.schema);
        let problem = |finding| self.merged.problem(finding);
        let others = self.files.look_at_others(&self.value);
        let mut problems: Vec<Problem> = findings.problems.into_iter().chain(others).map(problem).collect();
        if let Some(message) = self.config.generator.as_ref().and_then(adapter_problem) {
            problems.push(problem((["generator", "lora", "target"].map(str::to_owned).into(), message)));
        }
        if problems.is_empty() { Ok(findings.absent.into_iter().map(problem).collect()) } else { Err(ConfigError::new(problems)) }
    }
}

/// Sets a key in nested tables.
fn insert(dict: &mut Dict, key: &[String], value: Value) {
    match key {
        [] => {}
        [last] => {
            dict.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = dict.entry(first.clone()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Loads, merges, checks and completes.
pub(super) fn resolve(path: Option<&Path>, overrides: &Overrides) -> Result<Resolved, ConfigError> {
    complete(layers::collect(path, overrides)?)
}

/// [`resolve`] with the values of one run of a sweep above all others.
pub(super) fn resolve_variant(path: &Path, overrides: &Overrides, values: Layer) -> Result<Resolved, ConfigError> {
    let mut layers = layers::collect(Some(path), overrides)?;
    layers.push(values);
    complete(layers)
}

/// Merges, checks and completes the layers above the defaults.
fn complete(above: Vec<Layer>) -> Result<Resolved, ConfigError> {
    let mut layers = vec![defaults()?];
    layers.extend(above);
    layers.iter().for_each(|layer| tracing::debug!(origin = %layer.origin, "layer of the configuration"));
    renamed::replace_aliases(&mut layers);
    restart_changed_components(&mut layers);
    let chosen = chosen_plugins(&layers);
    let schema = schema::for_plugins(|kind| chosen.get(&kind).map(String::as_str));
    let notes = renamed::replace_keys(&mut layers, &schema)?;
    let merged = MergedLayers::of(layers)?;
    let problems = not_finite(&merged);
    if !problems.is_empty() {
        return Err(ConfigError::new(problems));
    }

    let mut value = serde_json::to_value(&merged.value).map_err(internal)?;
    let files = Plugins::read(&mut value, &|key| merged.directory_of(key), &|key| merged.origin_of(key))?;
    let problems: Vec<Problem> = files.load(&mut value).into_iter().map(|finding| merged.problem(finding)).collect();
    if !problems.is_empty() {
        return Err(ConfigError::new(problems));
    }
    let chosen = plugins_of(&value);
    let mut schema = schema::for_plugins(|kind| chosen.get(&kind).map(String::as_str));
    plugins::add_components(&mut schema, &files);
    plugins::shape_corpus(&mut schema, value.pointer("/corpus/plugin").and_then(serde_json::Value::as_str));
    take_literally(&mut value, &schema, &merged);
    paths::absolute(&mut value, &schema, &|key| merged.directory_of(key));
    let mut problems = validate::problems(&value, &schema, &[], &|key| merged.origin_of(key));
    problems.extend(checks::outputs(&value, &schema).into_iter().map(|finding| merged.problem(finding)));
    if !problems.is_empty() {
        return Err(ConfigError::new(problems));
    }
    schema::fill_defaults(&mut value, &schema);
    fill_learning_rate(&mut value, chosen.get(&Kind::Compressor).map(String::as_str));
    let config: Config = serde_json::from_value(value.clone()).map_err(internal)?;
    let problems = contradictions(&config, &merged);
    if problems.is_empty() {
        Ok(Resolved { config, value, schema, merged, notes, files })
    } else {
        Err(ConfigError::new(problems))
    }
}

/// Takes the text of a variable or option literally if it reads as a number or boolean and the key
/// is a string: the shell removes the quotes that TOML needs.
fn take_literally(value: &mut serde_json::Value, schema: &serde_json::Value, merged: &MergedLayers) {
    paths::visit(value, schema, &mut Vec::new(), &mut |key, schema, value| {
        let is_text = schema.get("type").and_then(serde_json::Value::as_str) == Some("string");
        if is_text
            && (value.is_number() || value.is_boolean())
            && let Some(literal) = merged.layer_of(key).and_then(|layer| layer.literal.as_deref())
        {
            *value = literal.into();
        }
    });
}

/// Sets the compressor's learning rate where it is not set: its plugin knows the right one.
fn fill_learning_rate(value: &mut serde_json::Value, compressor: Option<&str>) {
    let rate = compressor.and_then(|name| registry::find(Kind::Compressor, name)?.learning_rate);
    if let (Some(rate), Some(training)) = (rate, value.get_mut("training").and_then(serde_json::Value::as_object_mut)) {
        training.entry("lr_compressor").or_insert(rate.into());
    }
}

/// The plugin of each component.
fn plugins_of(value: &serde_json::Value) -> BTreeMap<Kind, String> {
    let plugin = |kind: Kind| Some(value.get(kind.to_string())?.get("plugin")?.as_str()?.to_owned());
    schema::COMPONENTS.into_iter().filter_map(|kind| Some((kind, plugin(kind)?))).collect()
}

/// The plugin that the last layer chooses, kind by kind.
fn chosen_plugins(layers: &[Layer]) -> BTreeMap<Kind, String> {
    let plugin = |kind: Kind| layers.iter().rev().find_map(|layer| plugin_of(&layer.values, &kind.to_string()));
    schema::COMPONENTS.into_iter().filter_map(|kind| Some((kind, plugin(kind)?))).collect()
}

/// An error that the schema should have caught; it has no key to name.
fn internal(error: impl std::fmt::Display) -> ConfigError {
    ConfigError::one(Origin::BuiltIn, "", error.to_string())
}

fn defaults() -> Result<Layer, ConfigError> {
    let values = Value::serialize(Config::default()).map_err(internal)?.into_dict().unwrap_or_default();
    Ok(Layer { origin: Origin::BuiltIn, directory: None, lines: KeyLines::default(), literal: None, values })
}

/// A layer that names another plugin for a component drops the keys of lower layers, which belong
/// to the former plugin.
fn restart_changed_components(layers: &mut [Layer]) {
    for kind in schema::COMPONENTS.map(|kind| kind.to_string()) {
        let mut current: Option<String> = None;
        for index in 0..layers.len() {
            let named = layers.get(index).and_then(|layer| plugin_of(&layer.values, &kind));
            let Some(named) = named else { continue };
            if current.as_ref().is_some_and(|current| *current != named) {
                layers.iter_mut().take(index).for_each(|layer| drop(layer.values.remove(&kind)));
            }
            current = Some(named);
        }
    }
}

fn plugin_of(values: &Dict, kind: &str) -> Option<String> {
    values.get(kind)?.as_dict()?.get("plugin")?.as_str().map(str::to_owned)
}

/// Numbers that TOML knows and JSON, in which schemas are checked, does not.
fn not_finite(merged: &MergedLayers) -> Vec<Problem> {
    fn find(value: &Value, key: &mut Vec<String>, found: &mut Vec<(Vec<String>, f64)>) {
        let mut inside = |part: String, inner: &Value| {
            key.push(part);
            find(inner, key, found);
            key.pop();
        };
        match value {
            Value::Dict(_, dict) => dict.iter().for_each(|(name, inner)| inside(name.clone(), inner)),
            Value::Array(_, items) => items.iter().enumerate().for_each(|(i, inner)| inside(i.to_string(), inner)),
            Value::Num(_, Num::F64(number)) if !number.is_finite() => found.push((key.clone(), *number)),
            Value::Num(_, Num::F32(number)) if !number.is_finite() => found.push((key.clone(), f64::from(*number))),
            _ => {}
        }
    }
    let mut found = Vec::new();
    find(&merged.value, &mut Vec::new(), &mut found);
    let problem = |(key, number): (Vec<String>, f64)| {
        let found = if number.is_nan() { "nan".to_owned() } else { number.to_string() };
        let origin = merged.origin_of(&key);
        Problem { origin, key: key.join("."), message: format!("found {found}, expected a finite number") }
    };
    found.into_iter().map(problem).collect()
}

/// Checks beyond the schema: invalid combinations of values, and templates.
fn contradictions(config: &Config, merged: &MergedLayers) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |path: &[String], message: String| {
        problems.push(Problem { origin: merged.origin_of(path), key: path.join("."), message });
    };
    for (place, message) in config.sweep.problems() {
        problem(&[&["sweep".to_owned()], place.as_slice()].concat(), message);
    }
    let mut problem = |key: &str, message: String| {
        problem(&key.split('.').map(str::to_owned).collect::<Vec<_>>(), message);
    };
    for (key, message) in config.preparation.contradictions() {
        problem(&format!("preparation.{key}"), message);
    }
    let training = &config.training;
    if let MicroBatch::Records(records) = training.micro_batch
        && (records > training.batch_size || !training.batch_size.is_multiple_of(records))
    {
        let message = format!("found {records}, expected a divisor of training.batch_size, which is {}", training.batch_size);
        problem("training.micro_batch", message);
    }
    if let Err(error) = PromptTemplate::new(&config.prompt) {
        problem("prompt.user", error.to_string());
    }
    for (key, message) in
        config.corpus.iter().filter_map(|corpus| corpus.chunking.as_ref()).flat_map(|chunking| chunking.contradictions())
    {
        problem(&format!("corpus.chunking.{key}"), message);
    }
    for (key, message) in config.questions.iter().flat_map(|questions| questions.contradictions(config.corpus.is_some())) {
        problem(&format!("questions.{key}"), message);
    }
    problems
}

/// The merged value, with the way back from every part of it to its layer.
struct MergedLayers {
    layers: Vec<Layer>,
    figment: Figment,
    value: Value,
}

impl MergedLayers {
    fn of(layers: Vec<Layer>) -> Result<Self, ConfigError> {
        let figment =
            layers.iter().enumerate().fold(Figment::new(), |figment, (number, layer)| figment.merge(Numbered(number, layer)));
        let value = figment.find_value("").map_err(internal)?;
        Ok(MergedLayers { layers, figment, value })
    }

    /// The layer that set the value at `key`, or the innermost table around it that exists.
    fn layer_of(&self, key: &[String]) -> Option<&Layer> {
        let mut value = &self.value;
        for part in key {
            let inner = match value {
                Value::Dict(_, dict) => dict.get(part),
                Value::Array(_, items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            };
            let Some(inner) = inner else { break };
            value = inner;
        }
        self.layer_with(value.tag())
    }

    fn layer_with(&self, tag: Tag) -> Option<&Layer> {
        let number = self.figment.get_metadata(tag)?.source.as_ref()?.custom()?.parse::<usize>().ok()?;
        self.layers.get(number)
    }

    fn origin_of(&self, key: &[String]) -> Origin {
        let Some(layer) = self.layer_of(key) else { return Origin::BuiltIn };
        match &layer.origin {
            Origin::File { path, line } => {
                Origin::File { path: path.clone(), line: layer.lines.line(key.iter().map(String::as_str)).or(*line) }
            }
            other => other.clone(),
        }
    }

    fn problem(&self, (key, message): Finding) -> Problem {
        Problem { origin: self.origin_of(&key), key: key.join("."), message }
    }

    fn directory_of(&self, key: &[String]) -> PathBuf {
        let layer = self.layer_of(key).and_then(|layer| layer.directory.clone());
        layer.or_else(|| std::env::current_dir().ok()).unwrap_or_default()
    }
}
