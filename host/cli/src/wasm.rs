//! Plugins in WebAssembly: what the library's loader of plugin files is in this program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::plugin::installed;
use scaledown_host::plugins::files::PluginFile;
use scaledown_host::plugins::loader::{self, Components, Loader};
use scaledown_host::plugins::registry;
use scaledown_host::text::open_chat_tokenizer;
use scaledown_sdk::component::{ChatTokenizer, Kind, Registration, Reranker, Retriever, Teacher};
use scaledown_sdk::{Device, Error, Result};
use scaledown_wasm::{Plugin, Settings, Surroundings};
use serde_json::json;

/// Has the library read plugins from `.wasm` files.
pub(crate) fn install() {
    loader::install(Box::new(Files::default()));
}

/// Where compiled plugins are kept.
pub(crate) fn cache() -> Option<PathBuf> {
    Some(dirs::cache_dir()?.join("scaledown").join("compiled"))
}

/// The SHA-256 of a plugin's file.
pub(crate) fn digest(bytes: &[u8]) -> String {
    scaledown_wasm::digest(bytes)
}

/// A plugin in a file, with what a configuration grants it.
pub(crate) fn open(name: &str, file: &PluginFile, components: &Components) -> Result<Plugin> {
    let path = file.path.as_deref().ok_or_else(|| Error::Config("the plugin has no path".into()))?;
    let settings = json!({ "permissions": file.permissions, "limits": file.limits });
    let settings: Settings = serde_json::from_value(settings).map_err(|error| Error::Config(error.to_string()))?;
    Plugin::load(name, path, file.sha256.as_deref(), &settings, Arc::new(Rest(Arc::clone(components))), cache())
}

/// The surroundings of a plugin that is in no configuration.
pub(crate) fn alone() -> Arc<dyn Surroundings> {
    Arc::new(Rest(Arc::default()))
}

/// Plugins that were read in this process, by all that they depend on.
#[derive(Default)]
struct Files(Mutex<BTreeMap<String, Vec<&'static Registration>>>);

impl Loader for Files {
    fn load(&self, name: &str, file: &PluginFile, components: &Components) -> Result<Vec<&'static Registration>> {
        let plugin = open(name, file, components)?;
        let key = json!([name, plugin.digest(), file.permissions, file.limits, **components]).to_string();
        let mut known = self.0.lock();
        if let Some(entries) = known.get(&key) {
            return Ok(entries.clone());
        }
        let entries: Vec<&'static Registration> =
            plugin.registrations()?.into_iter().map(|entry| &*Box::leak(Box::new(entry))).collect();
        known.insert(key, entries.clone());
        Ok(entries)
    }

    fn installed(&self, source: &str) -> Result<(PathBuf, String)> {
        installed::find(source).map_err(|error| Error::Config(error.sentence()))
    }
}

/// The rest of a configuration, as a plugin sees it.
pub(crate) struct Rest(pub(crate) Components);

impl Rest {
    fn component(&self, name: &str) -> Result<scaledown_host::config::Component> {
        let found = self.0.get(name).map(scaledown_host::config::NamedComponent::component);
        found.ok_or_else(|| Error::Config(format!("there is no component {name} in [components]")))
    }
}

/// An error of the library for a plugin.
fn component_error(error: &scaledown_host::Error) -> Error {
    Error::Input(error.sentence())
}

impl Surroundings for Rest {
    fn kind(&self, name: &str) -> Option<Kind> {
        self.0.get(name).map(|component| component.kind.into())
    }

    fn retriever(&self, name: &str, device: &Device, directory: &Path) -> Result<Box<dyn Retriever>> {
        registry::retriever(&self.component(name)?, device, directory).map_err(|error| component_error(&error))
    }

    fn reranker(&self, name: &str, device: &Device) -> Result<Box<dyn Reranker>> {
        registry::reranker(&self.component(name)?, device).map_err(|error| component_error(&error))
    }

    fn teacher(&self, name: &str, device: &Device) -> Result<Box<dyn Teacher>> {
        registry::teacher(&self.component(name)?, device).map_err(|error| component_error(&error))
    }

    fn tokenizer(&self, directory: &Path) -> Result<Box<dyn ChatTokenizer>> {
        open_chat_tokenizer(directory)
    }
}
