//! Plugins in WebAssembly, for tests that are not about configurations.

use std::path::Path;
use std::sync::Arc;

use scaledown_sdk::component::{ChatTokenizer, Kind, Reranker, Retriever, Teacher};
use scaledown_sdk::{Device, Error, Result};
use scaledown_wasm::{Plugin, Settings, Surroundings};

/// A plugin alone: there are no other components.
pub struct Alone;

impl Surroundings for Alone {
    fn kind(&self, _name: &str) -> Option<Kind> {
        None
    }

    fn retriever(&self, name: &str, _device: &Device, _directory: &Path) -> Result<Box<dyn Retriever>> {
        Err(Error::Config(format!("there is no component {name}")))
    }

    fn reranker(&self, name: &str, _device: &Device) -> Result<Box<dyn Reranker>> {
        Err(Error::Config(format!("there is no component {name}")))
    }

    fn teacher(&self, name: &str, _device: &Device) -> Result<Box<dyn Teacher>> {
        Err(Error::Config(format!("there is no component {name}")))
    }

    fn tokenizer(&self, directory: &Path) -> Result<Box<dyn ChatTokenizer>> {
        scaledown_host::text::open_chat_tokenizer(directory)
    }
}

/// The plugin in a file, with nothing granted and the usual limits.
///
/// # Errors
/// If this host cannot run the plugin.
pub fn load(name: &str, path: &Path) -> Result<Plugin> {
    Plugin::load(name, path, None, &Settings::default(), Arc::new(Alone), None)
}

/// The plugin of these bytes, with nothing granted and the usual limits.
///
/// # Errors
/// If this host cannot run the plugin.
pub fn compile(name: &str, bytes: &[u8]) -> Result<Plugin> {
    compile_with(name, bytes, &Settings::default())
}

/// The plugin of these bytes, with what `settings` grant.
///
/// # Errors
/// If this host cannot run the plugin.
pub fn compile_with(name: &str, bytes: &[u8], settings: &Settings) -> Result<Plugin> {
    Plugin::compile(name, bytes, settings, Arc::new(Alone), None)
}
