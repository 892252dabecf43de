//! The layers of a configuration, lowest first, each knowing where it came from.

use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};
use scaledown_sdk::files::{FileKind, read_text};

use super::lines::KeyLines;
use super::{ConfigError, Origin};

/// The environment variables and command-line settings that go over the files.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    environment: Vec<(String, String)>,
    settings: Vec<String>,
}

/// The prefix of variables with configuration values.
const PREFIX: &str = "SCALEDOWN_";

/// Whether an environment variable sets a key of the configuration, as in
/// `SCALEDOWN_TRAINING__SEED`.
#[must_use]
pub fn is_key_variable(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|key| key.contains("__"))
}

impl Overrides {
    /// The `SCALEDOWN_SECTION__KEY` variables of this process, and `--set` settings of the form
    /// `a.b=value`. Variables without `__`, such as `SCALEDOWN_NEURON_PLUGIN`, are no keys.
    #[must_use]
    pub fn from_process(settings: &[String]) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| is_key_variable(name))
            .collect();
        Overrides::new(environment, settings.to_vec())
    }

    /// A `--set` setting as messages may show it: without a value that may be secret.
    #[must_use]
    pub fn shown(setting: &str) -> String {
        shown(setting)
    }

    /// The given variables (with their prefix) and settings.
    #[must_use]
    pub fn new(mut environment: Vec<(String, String)>, settings: Vec<String>) -> Self {
        environment.sort();
        Overrides { environment, settings }
    }
}

/// One source of values.
pub(super) struct Layer {
    /// Where the values were set; a file's line is found later.
    pub(super) origin: Origin,
    /// The directory that relative paths of this layer count from; the working directory if not
    /// set.
    pub(super) directory: Option<PathBuf>,
    /// On which lines the values stand.
    pub(super) lines: KeyLines,
    /// The text of a variable or option that reads as a number or boolean, but may be meant as a
    /// string.
    pub(super) literal: Option<String>,
    /// The values.
    pub(super) values: Dict,
}

/// A layer as figment takes it; its number is the source, so that a value's tag leads back to its
/// layer.
pub(super) struct Numbered<'a>(pub(super) usize, pub(super) &'a Layer);

impl Provider for Numbered<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::from(self.1.origin.to_string(), figment::Source::Custom(self.0.to_string()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.1.values.clone()))
    }
}

/// All layers of `path` and `overrides` above the built-in defaults.
pub(super) fn collect(path: Option<&Path>, overrides: &Overrides) -> Result<Vec<Layer>, ConfigError> {
    let mut layers = match path {
        Some(path) => files(path)?,
        None => Vec::new(),
    };
    for (name, value) in &overrides.environment {
        let key = name.trim_start_matches(PREFIX).to_lowercase();
        let parts: Vec<&str> = key.split("__").collect();
        let origin = Origin::Environment(name.clone());
        if !is_of_a_service(&parts) {
            layers.push(single(origin, &parts, value)?);
        } else if !value.trim().is_empty() {
            // An address or a variable's name: strip white space and ignore blank values, which
            // come from how it was set.
            layers.push(single(origin, &parts, value.trim())?);
        }
    }
    for setting in &overrides.settings {
        let origin = Origin::Override(shown(setting));
        let Some((key, value)) = setting.split_once('=') else {
            return Err(ConfigError::one(origin, "", "expected KEY=VALUE, as in `--set training.seed=1`"));
        };
        let parts: Vec<&str> = key.trim().split('.').map(str::trim).collect();
        layers.push(single(origin, &parts, value.trim())?);
    }
    Ok(layers)
}

/// The tables of components that may speak to a service.
const SERVICES: [&str; 2] = ["teacher", "retriever"];

fn is_of_a_service(key: &[&str]) -> bool {
    key.len() > 1 && SERVICES.contains(&key[0])
}

/// A setting as messages and logs show it: without a value that may be secret, which are addresses
/// with a name and password or a query, texts for a component that speaks to a service, and
/// whatever is called a key or the like.
fn shown(setting: &str) -> String {
    const NAMES: [&str; 8] = ["key", "token", "secret", "password", "passwd", "credential", "authorization", "bearer"];
    let Some((key, value)) = setting.split_once('=') else {
        // A key without value; anything else may be a secret.
        let is_key =
            setting.contains('.') && setting.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.'));
        return if is_key { setting.to_owned() } else { "[not shown]".to_owned() };
    };
    let parts: Vec<&str> = key.trim().split('.').map(str::trim).collect();
    let plain =
        value.trim().parse::<f64>().is_ok() || matches!(value.trim(), "true" | "false") || parts.last() == Some(&"plugin");
    let lower = setting.to_lowercase();
    let named = NAMES.iter().any(|name| key.to_lowercase().contains(name) || lower.contains(&format!("{name} =")))
        && !key.contains("tokens")
        && !key.contains("tokenizer");
    let address = value.contains("://") && value.contains(['@', '?', '#']);
    if plain || !(is_of_a_service(&parts) || named || address) { setting.to_owned() } else { format!("{key}=[not shown]") }
}

/// A layer of one value. It is read as TOML where it is TOML, and as a plain string otherwise, as
/// are dates, which no key takes.
fn single(origin: Origin, key: &[&str], text: &str) -> Result<Layer, ConfigError> {
    if key.iter().any(|part| part.is_empty()) {
        return Err(ConfigError::one(origin, key.join("."), "a part of the key is empty"));
    }
    let parsed: Option<toml::Table> =
        toml::from_str(&format!("value = {text}")).ok().filter(|table: &toml::Table| table.len() == 1);
    let parsed = parsed.and_then(|mut table| table.remove("value")).filter(|value| !value.is_datetime());
    let literal = parsed.as_ref().filter(|value| value.is_integer() || value.is_float() || value.is_bool());
    let literal = literal.map(|_| text.to_owned());
    let value = match parsed {
        Some(value) => Value::serialize(value).map_err(|error| ConfigError::one(origin.clone(), "", error.to_string()))?,
        None => Value::from(text),
    };
    Ok(Layer { literal, ..nested(origin, None, key, value) })
}

/// A layer of one value.
pub(super) fn nested(origin: Origin, directory: Option<PathBuf>, key: &[impl ToString], value: Value) -> Layer {
    let mut nested = value;
    for part in key.iter().rev() {
        nested = Value::from(Dict::from([(part.to_string(), nested)]));
    }
    let values = nested.into_dict().unwrap_or_default();
    Layer { origin, directory, lines: KeyLines::default(), literal: None, values }
}

/// The file at `path` and everything it extends, the base of all first.
fn files(path: &Path) -> Result<Vec<Layer>, ConfigError> {
    let mut layers: Vec<Layer> = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut next = Some((path.to_owned(), None));
    while let Some((path, named_by)) = next.take() {
        let mut layer = file(&path, named_by)?;
        let identity = path.canonicalize().unwrap_or_else(|_| path.clone());
        let extends = layer.values.remove("extends");
        if seen.contains(&identity) {
            let chain: Vec<String> = layers.iter().map(|layer| layer.origin.to_string()).collect();
            let message = format!("circular `extends`: {} -> {}", chain.join(" -> "), path.display());
            return Err(ConfigError::one(layer.origin, "extends", message));
        }
        seen.push(identity);
        if let Some(extends) = extends {
            let origin = Origin::File { path: path.clone(), line: layer.lines.line(["extends"]) };
            let Some(base) = extends.as_str() else {
                return Err(ConfigError::one(origin, "extends", "expected the path of a TOML file, relative to this one"));
            };
            next = Some((path.parent().unwrap_or(Path::new("")).join(base), Some(origin)));
        }
        layers.push(layer);
    }
    layers.reverse();
    Ok(layers)
}

/// Reads one file; `named_by` is where its name was found, if not on the command line.
fn file(path: &Path, named_by: Option<Origin>) -> Result<Layer, ConfigError> {
    let origin = Origin::File { path: path.to_owned(), line: None };
    let text = read_text(path, FileKind::Configuration).map_err(|error| match named_by {
        Some(named_by) => ConfigError::one(named_by, "extends", format!("cannot read {}: {error}", path.display())),
        None => ConfigError::one(origin.clone(), "", format!("cannot read the configuration: {error}")),
    })?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let line = error.span().map(|span| line_of(&text, span.start));
        let origin = Origin::File { path: path.to_owned(), line };
        ConfigError::one(origin, "", format!("not valid TOML: {}", error.message().replace('\n', ", ")))
    })?;
    let values = Value::serialize(table)
        .ok()
        .and_then(Value::into_dict)
        .ok_or_else(|| ConfigError::one(origin.clone(), "", "the file is not a table of keys and values"))?;
    // An unreadable directory shows up when a path in it is used, with that path's name.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = parent.canonicalize().unwrap_or_else(|_| parent.to_owned());
    Ok(Layer { origin, directory: Some(directory), lines: KeyLines::of(&text), literal: None, values })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
