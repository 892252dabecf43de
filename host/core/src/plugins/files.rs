//! Plugins that come as files: the tables `[plugins.NAME]` and `[components.NAME]` of a
//! configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use scaledown_sdk::component::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Component;

/// A plugin in a file, a component compiled to WebAssembly. `plugin = "NAME"` chooses it wherever a
/// component of its kind is chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginFile {
    /// The file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    pub path: Option<PathBuf>,
    /// In place of a path, what `scaledown plugin install` has installed: a name and version of a
    /// registry (`acme/pool:1.2.0`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub source: Option<String>,
    /// The SHA-256 that the file must have, 64 hexadecimal digits. A run records it, and
    /// resumes with the same file only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9a-fA-F]{64}$"), extend("x-expected" = "64 hexadecimal digits"))]
    pub sha256: Option<String>,
    /// What the plugin may do beside computing; nothing, if not set.
    #[serde(default, skip_serializing_if = "is_default")]
    pub permissions: PluginPermissions,
    /// How much the plugin may use.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: PluginLimits,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a plugin may do beside computing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PluginPermissions {
    /// Files that it may read, and directories with everything in them.
    #[schemars(with = "Vec<Place>")]
    pub read: Vec<PathBuf>,
    /// Files that it may read and write, and directories with everything in them.
    #[schemars(with = "Vec<Place>")]
    pub write: Vec<PathBuf>,
    /// Hosts that it may send requests to: `example.org`, `example.org:8080`, or `*` for all.
    pub http: Vec<String>,
    /// Environment variables that it may read.
    pub env: Vec<String>,
    /// Whether it may read the clock.
    pub clock: bool,
    /// Components of `[components]` that it may call.
    pub components: Vec<String>,
}

/// A file or directory, for schemas.
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
#[allow(dead_code, reason = "only its schema is used")]
struct Place(#[schemars(extend("format" = "file-or-directory"))] String);

/// How much a plugin may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PluginLimits {
    /// The seconds that a call may take. Time in which the plugin waits for documents or for
    /// another component does not count.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub call_seconds: f64,
    /// The seconds that one operation of the host may take for the plugin: a request, a file, a
    /// call of another component.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub host_seconds: f64,
    /// The MiB of memory of an instance.
    #[schemars(range(min = 1, max = 4096))]
    pub memory: u64,
    /// The MiB of tensors that an instance may hold, or make in one call.
    #[schemars(range(min = 1))]
    pub tensors: u64,
    /// The handles to things of the host that an instance may hold.
    #[schemars(range(min = 1))]
    pub handles: u32,
    /// The elements of an instance's tables.
    #[schemars(range(min = 1))]
    pub table_elements: u64,
    /// The MiB that a call may hand to the host.
    #[schemars(range(min = 1))]
    pub transfer: u64,
    /// The most instances at a time, each of which answers one call.
    #[schemars(range(min = 1, max = 1024))]
    pub instances: usize,
    /// The failed calls after which the plugin is refused.
    #[schemars(range(min = 1))]
    pub failures: u32,
}

impl Default for PluginLimits {
    fn default() -> Self {
        PluginLimits {
            call_seconds: 60.0,
            host_seconds: 600.0,
            memory: 1024,
            tensors: 16 * 1024,
            handles: 100_000,
            table_elements: 1_000_000,
            transfer: 128,
            instances: 4,
            failures: 3,
        }
    }
}

/// A component that others may call by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamedComponent {
    /// The kind of component.
    pub kind: CallableKind,
    /// The plugin's name; `scaledown plugin list` shows what there is.
    pub plugin: String,
    /// The plugin's own configuration.
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

/// The kinds of component that others may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallableKind {
    /// A retriever, which is indexed along with the plugin that calls it.
    Retriever,
    /// A reranker.
    Reranker,
    /// A teacher.
    Teacher,
}

impl From<CallableKind> for Kind {
    fn from(kind: CallableKind) -> Self {
        match kind {
            CallableKind::Retriever => Kind::Retriever,
            CallableKind::Reranker => Kind::Reranker,
            CallableKind::Teacher => Kind::Teacher,
        }
    }
}

impl NamedComponent {
    /// The plugin with its own keys.
    #[must_use]
    pub fn component(&self) -> Component {
        Component { plugin: self.plugin.clone(), options: self.options.clone() }
    }
}

/// The plugins among `names` that call each other in a circle, in the order of their calls.
#[must_use]
pub fn circle(plugins: &BTreeMap<String, PluginFile>, components: &BTreeMap<String, NamedComponent>) -> Option<Vec<String>> {
    fn visit(
        name: &str,
        path: &mut Vec<String>,
        plugins: &BTreeMap<String, PluginFile>,
        components: &BTreeMap<String, NamedComponent>,
    ) -> Option<Vec<String>> {
        let again = path.iter().position(|earlier| earlier == name);
        path.push(name.to_owned());
        if let Some(start) = again {
            return Some(path.split_off(start));
        }
        let called = plugins.get(name).into_iter().flat_map(|plugin| &plugin.permissions.components);
        let found =
            called.filter_map(|name| components.get(name)).find_map(|called| visit(&called.plugin, path, plugins, components));
        path.pop();
        found
    }
    plugins.keys().find_map(|name| visit(name, &mut Vec::new(), plugins, components))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_calls_itself_is_found() {
        let plugin = |components: &[&str]| PluginFile {
            permissions: PluginPermissions {
                components: components.iter().map(|&name| name.to_owned()).collect(),
                ..PluginPermissions::default()
            },
            ..PluginFile::default()
        };
        let component =
            |plugin: &str| NamedComponent { kind: CallableKind::Retriever, plugin: plugin.to_owned(), options: Map::new() };
        let map = |entries: Vec<(&str, PluginFile)>| entries.into_iter().map(|(name, file)| (name.to_owned(), file)).collect();
        let components = [("x", "a"), ("y", "b"), ("z", "bm25")].map(|(name, plugin)| (name.to_owned(), component(plugin)));
        let components = BTreeMap::from(components);
        assert_eq!(circle(&map(vec![("a", plugin(&["y", "z"])), ("b", plugin(&["z"]))]), &components), None);
        let found = circle(&map(vec![("a", plugin(&["y"])), ("b", plugin(&["x"]))]), &components).unwrap();
        assert_eq!(found, ["a", "b", "a"]);
        assert_eq!(circle(&map(vec![("a", plugin(&["x"]))]), &components).unwrap(), ["a", "a"]);
    }
}
