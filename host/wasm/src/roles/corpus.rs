//! A corpus that is a WASM component.

use scaledown_sdk::component::{Corpus, CorpusDocument, CorpusDocuments};
use scaledown_sdk::{Error, Result};
use serde_json::Value;

use super::{Workers, build};
use crate::bindings::exports::scaledown::plugin::reading::Item;
use crate::guest::{Guest, Setting, missing};
use crate::plugin::Plugin;

/// How many documents are asked for at a time.
const BATCH: u32 = 64;

/// A corpus of a plugin. Each pass over it is an instance of its own.
pub struct WasmCorpus(Workers);

impl WasmCorpus {
    /// Makes the corpus from the keys of its configuration table.
    ///
    /// # Errors
    /// [`Error::Plugin`] if the plugin is no corpus or traps; or the component's own error.
    pub fn build(plugin: &Plugin, keys: &Value) -> Result<Self> {
        Ok(WasmCorpus(Workers::new(plugin, Setting::bare(plugin, keys), build!(reading))?))
    }
}

impl Corpus for WasmCorpus {
    fn documents(&self) -> Result<CorpusDocuments> {
        let guest = self.0.make(&self.0.setting)?;
        Ok(Box::new(Pass { plugin: self.0.plugin.clone(), guest: Some(guest), waiting: Vec::new().into_iter() }))
    }
}

/// One pass over a corpus.
struct Pass {
    plugin: Plugin,
    /// Nothing once the end is reached, or the instance has failed.
    guest: Option<Guest>,
    waiting: std::vec::IntoIter<Item>,
}

impl Iterator for Pass {
    type Item = Result<CorpusDocument>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.waiting.next() {
                Some(Item::Entry(entry)) if entry.id.is_empty() => return Some(Err(self.plugin.error("a document has no id"))),
                Some(Item::Entry(entry)) => {
                    return Some(Ok(CorpusDocument { id: entry.id, title: entry.title, text: entry.text }));
                }
                Some(Item::Unreadable(reason)) => return Some(Err(Error::Input(reason))),
                None => {}
            }
            let guest = self.guest.as_mut()?;
            let items = guest.call(|store, instance, plugin| {
                let indices = plugin.roles().reading.as_ref().ok_or_else(|| missing("reading"))?;
                indices.load(&mut *store, instance)?.call_next(store, BATCH)
            });
            match items {
                Ok(items) if items.is_empty() => self.guest = None,
                Ok(items) => self.waiting = items.into_iter(),
                Err(error) => {
                    self.guest = None;
                    return Some(Err(error));
                }
            }
        }
    }
}
