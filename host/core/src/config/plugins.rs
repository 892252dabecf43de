//! The plugins of a configuration that come as files: they are read before anything that may name
//! them is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scaledown_sdk::component::Kind;
use serde_json::{Value, json};

use super::checks::Finding;
use super::{ConfigError, Origin, Problem, paths, schema, validate};
use crate::data::corpus::config::HOST_KEYS;
use crate::plugins::files::{NamedComponent, PluginFile, circle};
use crate::plugins::{loader, registry};

/// The tables of a configuration that are about plugins from files.
#[derive(Clone, Debug, Default)]
pub(super) struct Plugins {
    files: BTreeMap<String, PluginFile>,
    components: loader::Components,
}

impl Plugins {
    /// Reads the tables `plugins` and `components` of a configuration, in which relative paths
    /// become absolute.
    pub(super) fn read(
        value: &mut Value,
        directory_of: &dyn Fn(&[String]) -> std::path::PathBuf,
        origin_of: &dyn Fn(&[String]) -> Origin,
    ) -> Result<Self, ConfigError> {
        let host = schema::host();
        let mut problems = Vec::new();
        for section in ["plugins", "components"] {
            let (Some(schema), Some(table)) = (host.pointer(&format!("/properties/{section}")), value.get_mut(section)) else {
                continue;
            };
            let inside = |key: &[String]| [&[section.to_owned()], key].concat();
            paths::absolute(table, schema, &|key| directory_of(&inside(key)));
            // What is wrong with a component's own keys shows when its plugin is known.
            problems.extend(validate::problems(table, schema, &[section.to_owned()], origin_of));
        }
        if !problems.is_empty() {
            return Err(ConfigError::new(problems));
        }
        let table = |section: &str| value.get(section).cloned().unwrap_or_else(|| json!({}));
        let internal = |error: serde_json::Error| ConfigError::one(Origin::BuiltIn, "", error.to_string());
        let files: BTreeMap<String, PluginFile> = serde_json::from_value(table("plugins")).map_err(internal)?;
        let components: BTreeMap<String, NamedComponent> = serde_json::from_value(table("components")).map_err(internal)?;
        if let Some(names) = circle(&files, &components) {
            let key =
                vec!["plugins".to_owned(), names.first().cloned().unwrap_or_default(), "permissions".into(), "components".into()];
            let message = format!("plugins call each other in a circle: {}", names.join(" -> "));
            return Err(ConfigError::new(vec![Problem { origin: origin_of(&key), key: key.join("."), message }]));
        }
        Ok(Plugins { files, components: Arc::new(components) })
    }

    /// Enters the plugins that the configuration chooses into the registry, and writes the digests
    /// of their files into it.
    pub(super) fn load(&self, value: &mut Value) -> Vec<Finding> {
        let used = self.used(value);
        let mut findings = Vec::new();
        for (name, file) in self.files.iter().filter(|(name, _)| used.contains(*name)) {
            match self.load_one(name, file) {
                Ok(digest) => {
                    if let Some(Value::Object(table)) = value.pointer_mut(&format!("/plugins/{}", escaped(name))) {
                        table.entry("sha256").or_insert(digest.into());
                    }
                }
                Err(finding) => findings.push(finding),
            }
        }
        findings
    }

    /// What is wrong with plugins that the configuration has and does not choose.
    pub(super) fn look_at_others(&self, value: &Value) -> Vec<Finding> {
        let used = self.used(value);
        self.files
            .iter()
            .filter(|(name, _)| !used.contains(*name))
            .filter_map(|(name, file)| self.load_one(name, file).err())
            .collect()
    }

    fn load_one(&self, name: &str, file: &PluginFile) -> Result<String, Finding> {
        let at = |key: &str, message: String| (vec!["plugins".to_owned(), name.to_owned(), key.to_owned()], message);
        let located = match (&file.path, &file.source) {
            (Some(_), None) => Ok(file.clone()),
            (None, Some(source)) => match loader::installed(source) {
                Ok((path, locked)) => {
                    let sha256 = file.sha256.clone().or(Some(locked));
                    Ok(PluginFile { path: Some(path), sha256, ..file.clone() })
                }
                Err(error) => Err(at("source", plain(&error))),
            },
            (Some(_), Some(_)) => Err(at("source", "is set beside `path`; a plugin has one of them".into())),
            (None, None) => Err(at("path", "is missing; expected the plugin's file, or `source` in its place".into())),
        }?;
        let key = if file.path.is_some() { "path" } else { "source" };
        loader::load(name, &located, &self.components).map_err(|error| at(key, plain(&error)))
    }

    /// The names of plugins that a component of the configuration is made by.
    fn used(&self, value: &Value) -> BTreeSet<String> {
        let sections = schema::COMPONENTS.iter().map(ToString::to_string).chain([Kind::Corpus.to_string()]);
        let plugin = |section: String| Some(value.get(section)?.get("plugin")?.as_str()?.to_owned());
        let mut used: BTreeSet<String> = sections.filter_map(plugin).collect();
        // A component is made when a plugin calls it, so all of them count.
        used.extend(self.components.values().map(|component| component.plugin.clone()));
        used
    }

    /// The components that plugins may call, by name, with the plugin that makes each.
    pub(super) fn components(&self) -> impl Iterator<Item = (&str, Kind, &str)> {
        self.components.iter().map(|(name, component)| (name.as_str(), component.kind.into(), component.plugin.as_str()))
    }
}

/// An error without the word that says which kind it is: the key says that.
fn plain(error: &scaledown_sdk::Error) -> String {
    match error {
        scaledown_sdk::Error::Config(message) | scaledown_sdk::Error::Plugin { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

/// A name as a part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Puts the keys of each component's plugin into the schema of `components`.
pub(super) fn add_components(schema: &mut Value, plugins: &Plugins) {
    let Some(section) = schema.pointer_mut("/properties/components") else { return };
    let Some(base) = section.get("additionalProperties").cloned() else { return };
    let mut properties = serde_json::Map::new();
    for (name, kind, plugin) in plugins.components() {
        let mut own = base.clone();
        if let Some(key) = own.pointer_mut("/properties/plugin").and_then(Value::as_object_mut) {
            key.insert("enum".into(), registry::names(kind).into());
            key.insert(schema::BUILT_IN.into(), json!(kind));
        }
        if let Some(entry) = registry::find(kind, plugin) {
            schema::add_plugin(&mut own, (entry.schema)());
        }
        properties.insert(name.to_owned(), own);
    }
    if let Some(section) = section.as_object_mut() {
        section.insert("properties".into(), properties.into());
    }
}

/// Makes the schema of `[corpus]` that of the plugin that reads the documents, or that of the
/// formats which the host reads itself.
pub(super) fn shape_corpus(schema: &mut Value, plugin: Option<&str>) {
    let Some(section) = schema.pointer_mut("/properties/corpus") else { return };
    if let Some(key) = section.pointer_mut("/properties/plugin").and_then(Value::as_object_mut) {
        key.insert("enum".into(), registry::names(Kind::Corpus).into());
        key.insert(schema::BUILT_IN.into(), json!(Kind::Corpus));
    }
    let entry = plugin.and_then(|name| registry::find(Kind::Corpus, name));
    let Some(table) = section.as_object_mut() else { return };
    table.insert("additionalProperties".into(), false.into());
    let Some(entry) = entry else {
        let required = if plugin.is_some() { json!(["plugin"]) } else { json!(["format", "path"]) };
        table.insert("required".into(), required);
        return;
    };
    table.insert("required".into(), json!(["plugin"]));
    if let Some(Value::Object(properties)) = table.get_mut("properties") {
        // The formats' own keys; a plugin has what it has.
        properties.retain(|key, _| key != "format" && HOST_KEYS.contains(&key.as_str()));
    }
    schema::add_plugin(section, (entry.schema)());
}
