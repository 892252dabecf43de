//! A plugin in each of its roles, as the host knows it: one file a role.

mod compressor;
mod corpus;
mod generator;
mod reranker;
mod retriever;
mod teacher;

pub use compressor::WasmCompressor;
pub use corpus::WasmCorpus;
pub use generator::WasmGenerator;
pub use reranker::WasmReranker;
pub use retriever::WasmRetriever;
pub use teacher::WasmTeacher;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use scaledown_sdk::nn::{ParamOptions, Params};
use scaledown_sdk::{DType, Device, Result};
use serde_json::{Value, json};

use crate::guest::{Answered, Guest, Setting};
use crate::plugin::Plugin;
use crate::pool::Pool;
use crate::services::components::Neighbours;
use crate::services::storage::Storage;

impl Setting {
    /// What an instance is made with whose parameters are its own: they start from what it draws,
    /// and are not trained.
    pub(crate) fn untrained(plugin: &Plugin, keys: &Value, device: &Device, directory: Option<PathBuf>) -> Self {
        let options =
            ParamOptions { device: device.clone(), dtype: DType::F32, trainable: false, seed: 0, lora: None, quantization: None };
        Setting {
            params: Some(Params::random(options)),
            storage: directory.as_deref().map(Storage::new),
            neighbours: Some(Arc::new(Neighbours::new(plugin.surroundings(), device, directory))),
            ..Setting::bare(plugin, keys)
        }
    }

    /// What an instance is made with that computes no tensor and has no imports.
    pub(crate) fn bare(plugin: &Plugin, keys: &Value) -> Self {
        Setting {
            params: None,
            attached: false,
            stored: None,
            storage: None,
            neighbours: None,
            keys: keys.to_string(),
            models: models(keys, &plugin.schemas()),
        }
    }
}

/// The directories that the values of keys name, at any depth. A directory that the plugin's own
/// schemas have as a default is not among them: the user did not name it.
fn models(keys: &Value, schemas: &[Value]) -> Vec<PathBuf> {
    match keys {
        Value::String(text) => vec![PathBuf::from(text)]
            .into_iter()
            .filter(|path| path.is_absolute() && path.is_dir())
            .filter(|path| !schemas.iter().any(|schema| assumed(path, schema)))
            .collect(),
        Value::Array(items) => {
            items.iter().flat_map(|item| models(item, &within(schemas, |schema| schema.get("items")))).collect()
        }
        Value::Object(table) => table
            .iter()
            .flat_map(|(key, value)| models(value, &within(schemas, |schema| schema.get("properties")?.get(key))))
            .collect(),
        _ => Vec::new(),
    }
}

/// The schemas of a part. Where the whole has a default, that is all that is known of its parts.
fn within<'a>(schemas: &'a [Value], part: impl Fn(&'a Value) -> Option<&'a Value>) -> Vec<Value> {
    let of = |schema: &'a Value| match schema.get("default").filter(|default| !default.is_null()) {
        Some(default) => json!({ "default": default }),
        None => part(schema).cloned().unwrap_or_else(|| json!({})),
    };
    schemas.iter().map(of).collect()
}

/// Whether a directory may be the default of its key: anything but a model's name is taken for it.
fn assumed(path: &Path, schema: &Value) -> bool {
    match schema.get("default") {
        None | Some(Value::Null) => false,
        Some(Value::String(name)) if name.is_empty() => false,
        Some(Value::String(name)) => name.starts_with(['/', '.', '~', '\\']) || name.contains("..") || path.ends_with(name),
        Some(_) => true,
    }
}

/// Instances that are built alike and answer calls that depend on nothing but their input.
pub(crate) struct Workers {
    pub(crate) plugin: Plugin,
    pub(crate) setting: Setting,
    pool: Pool,
    build: fn(&mut Guest, &str) -> Result<()>,
}

impl Workers {
    /// Makes the first instance, so that a configuration that cannot be used is reported at once.
    pub(crate) fn new(plugin: &Plugin, setting: Setting, build: fn(&mut Guest, &str) -> Result<()>) -> Result<Self> {
        let pool = Pool::new(&plugin.settings().limits);
        let workers = Workers { plugin: plugin.clone(), setting, pool, build };
        workers.call(|_| Ok(()))?;
        Ok(workers)
    }

    /// An instance that is built, with a setting of its own.
    pub(crate) fn make(&self, setting: &Setting) -> Result<Guest> {
        let mut guest = Guest::new(&self.plugin, setting)?;
        (self.build)(&mut guest, &setting.keys)?;
        Ok(guest)
    }

    /// Runs a call on one of the instances.
    pub(crate) fn call<T>(&self, call: impl FnOnce(&mut Guest) -> Result<T>) -> Result<T> {
        self.plugin.check_standing()?;
        self.pool.with(&self.plugin, || self.make(&self.setting), call)
    }

    /// Drops all instances: what they have read is out of date.
    pub(crate) fn renew(&self) {
        self.pool.clear();
        if let Some(neighbours) = &self.setting.neighbours {
            neighbours.close();
        }
    }
}

/// A call of `build` of a role that returns nothing.
macro_rules! build {
    ($role:ident) => {
        |guest: &mut $crate::guest::Guest, keys: &str| {
            guest.call(|store, instance, plugin| {
                let indices = plugin.roles().$role.as_ref().ok_or_else(|| $crate::guest::missing(stringify!($role)))?;
                indices.load(&mut *store, instance)?.call_build(store, keys)
            })
        }
    };
}
pub(crate) use build;

/// Checks that there is one result for each input.
pub(crate) fn same_number(plugin: &Plugin, what: &str, expected: usize, found: usize) -> Result<()> {
    match expected == found {
        true => Ok(()),
        false => Err(plugin.error(format!("it returned {found} {what}, expected {expected}"))),
    }
}

/// An answer that cannot be an error.
pub(crate) fn always<T>(value: wasmtime::Result<T>) -> Answered<T> {
    value.map(Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_granted_if_the_user_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let text = directory.path().to_str().unwrap();
        let keys = json!({"model": text, "more": {"models": [text]}});
        let schema = |model: Value| json!({"properties": {"model": model}});
        assert_eq!(models(&keys, &[]).len(), 2);
        assert_eq!(models(&keys, &[schema(json!({"type": "string"}))]).len(), 2);
        assert_eq!(models(&keys, &[schema(json!({"default": "owner/name"}))]).len(), 2);
        // A plugin cannot grant itself a directory with a default of its own.
        assert_eq!(models(&keys, &[schema(json!({"default": text}))]).len(), 1);
        assert_eq!(models(&keys, &[json!({}), schema(json!({"default": format!("{text}/.")}))]).len(), 1);
        let outer = json!({"properties": {"more": {"default": {"models": [text]}, "properties": {"models": true}}}});
        assert_eq!(models(&keys, &[outer]).len(), 1);
    }
}
