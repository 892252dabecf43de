//! A reranker that is a WASM component.

use scaledown_sdk::component::Reranker;
use scaledown_sdk::{Device, Result};
use serde_json::Value;

use super::{Workers, build, same_number};
use crate::guest::{Setting, missing};
use crate::plugin::Plugin;

/// A reranker of a plugin.
pub struct WasmReranker(Workers);

impl WasmReranker {
    /// Makes the reranker from the keys of its configuration table.
    ///
    /// # Errors
    /// [`Error::Plugin`](scaledown_sdk::Error) if the plugin is no reranker or traps; or the
    /// component's own error.
    pub fn build(plugin: &Plugin, keys: &Value, device: &Device) -> Result<Self> {
        let setting = Setting::untrained(plugin, keys, device, None);
        Ok(WasmReranker(Workers::new(plugin, setting, build!(reranking))?))
    }
}

impl Reranker for WasmReranker {
    fn score(&self, query: &str, documents: &[&str]) -> Result<Vec<f32>> {
        let texts: Vec<String> = documents.iter().map(|&text| text.to_owned()).collect();
        let scores = self.0.call(|guest| {
            guest.call(|store, instance, plugin| {
                let indices = plugin.roles().reranking.as_ref().ok_or_else(|| missing("reranking"))?;
                indices.load(&mut *store, instance)?.call_score(store, query, &texts)
            })
        })?;
        same_number(&self.0.plugin, "scores", documents.len(), scores.len())?;
        match scores.iter().position(|score| !score.is_finite()) {
            Some(place) => Err(self.0.plugin.error(format!("the score of document {} is not a finite number", place + 1))),
            None => Ok(scores),
        }
    }
}
