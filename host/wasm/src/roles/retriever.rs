//! A retriever that is a WASM component.

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};

use scaledown_sdk::component::{Document, Hit, Kind, Retriever};
use scaledown_sdk::{Device, Error, Result};
use serde_json::Value;

use super::{Workers, always, build, same_number};
use crate::guest::{Setting, missing};
use crate::plugin::{Plugin, causes};
use crate::services::documents::{Batch, DocumentReader};

/// How many documents go to the component at a time.
const BATCH: usize = 64;
/// How many batches wait for a component that is slower than the corpus.
const QUEUE: usize = 4;

/// A retriever of a plugin. What it keeps is in its storage; instances that search read it there.
/// The retrievers that it may call are indexed along with it.
pub struct WasmRetriever(Workers);

impl WasmRetriever {
    /// Makes the retriever from the keys of its configuration table, with its index in `directory`.
    ///
    /// # Errors
    /// [`Error::Plugin`] if the plugin is no retriever or traps; or the component's own error.
    pub fn build(plugin: &Plugin, keys: &Value, device: &Device, directory: PathBuf) -> Result<Self> {
        let setting = Setting::untrained(plugin, keys, device, Some(directory));
        Ok(WasmRetriever(Workers::new(plugin, setting, build!(retrieval))?))
    }

    /// The retrievers that are indexed along with the plugin.
    fn companions(&self) -> Result<Vec<Box<dyn Retriever>>> {
        let plugin = &self.0.plugin;
        let granted = plugin.settings().permissions.components.iter();
        let retrievers = granted.filter(|name| plugin.surroundings().kind(name) == Some(Kind::Retriever));
        let Some(neighbours) = &self.0.setting.neighbours else { return Ok(Vec::new()) };
        retrievers.map(|name| neighbours.retriever_to_index(name)).collect()
    }

    /// Has an instance of its own index what comes through `batches`.
    fn index_in(&self, setting: &Setting, batches: std::sync::mpsc::Receiver<Batch>) -> Result<u64> {
        let mut guest = self.0.make(setting)?;
        let reader = guest.imports().table.push(DocumentReader::new(batches));
        let reader = reader.map_err(|error| self.0.plugin.error(causes(&error.into())))?;
        guest.call(|store, instance, plugin| {
            let indices = plugin.roles().retrieval.as_ref().ok_or_else(|| missing("retrieval"))?;
            indices.load(&mut *store, instance)?.call_index(store, reader)
        })
    }
}

impl Retriever for WasmRetriever {
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        let storage = self.0.setting.storage.as_ref().map(crate::services::storage::Storage::to_write);
        let storage = storage.ok_or_else(|| self.0.plugin.error("it has no storage"))?;
        let mut companions = self.companions()?;
        storage.begin()?;
        if let Some(neighbours) = &self.0.setting.neighbours {
            neighbours.close();
        }
        let setting = Setting { storage: Some(storage.clone()), ..self.0.setting.clone() };
        let (read, counts) = std::thread::scope(|scope| {
            let (sender, batches) = sync_channel(QUEUE);
            let mut senders = vec![sender];
            let own = scope.spawn(|| self.index_in(&setting, batches));
            let mut others = Vec::new();
            for companion in &mut companions {
                let (sender, batches) = sync_channel::<Batch>(QUEUE);
                senders.push(sender);
                others.push(scope.spawn(move || {
                    let mut documents = batches.into_iter().flat_map(|batch| match batch {
                        Ok(documents) => documents.into_iter().map(Ok).collect::<Vec<_>>(),
                        Err(error) => vec![Err(error)],
                    });
                    companion.index(&mut documents)
                }));
            }
            let read = send(documents, senders);
            let counts: Vec<_> = std::iter::once(own).chain(others).map(std::thread::ScopedJoinHandle::join).collect();
            (read, counts)
        });
        // What broke off in the corpus is the cause of what the indexing ones say.
        let read = read?;
        let mut indexed = Vec::new();
        for count in counts {
            indexed.push(count.map_err(|_| self.0.plugin.error("the thread that indexes gave up"))??);
        }
        // An index of some documents must not pass for one of all.
        if let Some(own) = indexed.first().filter(|&&own| own < read) {
            return Err(self.0.plugin.error(format!("it says that it read {own} of {read} documents")));
        }
        storage.commit()?;
        self.0.renew();
        Ok(read)
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        let texts: Vec<String> = queries.iter().map(|&query| query.to_owned()).collect();
        let most = u32::try_from(k).unwrap_or(u32::MAX);
        let found = self.0.call(|guest| {
            guest.call(|store, instance, plugin| {
                let indices = plugin.roles().retrieval.as_ref().ok_or_else(|| missing("retrieval"))?;
                indices.load(&mut *store, instance)?.call_search(store, &texts, most)
            })
        })?;
        same_number(&self.0.plugin, "lists of documents", queries.len(), found.len())?;
        for hits in &found {
            if hits.len() > k {
                return Err(self
                    .0
                    .plugin
                    .error(format!("it returned {} documents for a query, expected at most {k}", hits.len())));
            }
            if hits.iter().any(|hit| !hit.score.is_finite()) {
                return Err(self.0.plugin.error("the score of a document is not a finite number"));
            }
        }
        let hit = |hit: crate::bindings::scaledown::plugin::types::Hit| Hit { id: hit.id, score: hit.score };
        Ok(found.into_iter().map(|hits| hits.into_iter().map(hit).collect()).collect())
    }

    fn all_or_nothing(&self) -> bool {
        // What a companion has indexed is not taken back.
        self.0.plugin.settings().permissions.components.is_empty()
    }

    fn verify(&self) -> Result<()> {
        self.0.setting.storage.as_ref().map_or(Ok(()), |storage| storage.verify())
    }

    fn stats(&self) -> Vec<(String, String)> {
        let facts = self.0.call(|guest| {
            guest.call(|store, instance, plugin| {
                let indices = plugin.roles().retrieval.as_ref().ok_or_else(|| missing("retrieval"))?;
                always(indices.load(&mut *store, instance)?.call_facts(store))
            })
        });
        facts.unwrap_or_else(|error| vec![("error".into(), error.to_string())])
    }
}

/// Sends every document to everybody who still listens, and returns how many there were.
fn send(documents: &mut dyn Iterator<Item = Result<Document>>, mut senders: Vec<SyncSender<Batch>>) -> Result<u64> {
    let mut read = 0;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let next = documents.next();
        let ended = next.is_none();
        match next {
            Some(Ok(document)) => {
                read += 1;
                batch.push(document);
            }
            Some(Err(error)) => {
                // A partial stream must not pass for a complete one.
                for sender in &senders {
                    let _ = sender.send(Err(Error::Input("the stream of documents broke off".into())));
                }
                return Err(error);
            }
            None => {}
        }
        if batch.len() == BATCH || (ended && !batch.is_empty()) {
            senders.retain(|sender| sender.send(Ok(batch.clone())).is_ok());
            batch.clear();
        }
        if ended || senders.is_empty() {
            return Ok(read);
        }
    }
}
