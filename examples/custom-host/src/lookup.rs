//! A retriever of one's own: `[retriever] plugin = "lookup"`. It finds documents by their ids.

use std::collections::BTreeMap;

use scaledown_sdk::component::{
    Document, Hit, PluginStorage, Registration, Retriever, RetrieverContext, RetrieverPlugin, inventory,
};
use scaledown_sdk::{Error, Result};

inventory::submit! {
    Registration::retriever::<Lookup>("lookup", "Finds documents whose ids stand in the query.")
}

/// The name of what it keeps.
const IDS: &str = "ids.json";

/// Its keys beside `plugin`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct LookupConfig {
    /// Whether upper and lower case are the same.
    #[serde(default)]
    ignore_case: bool,
}

/// Finds a document if its id is a word of the query; an earlier word is a better hit.
struct Lookup {
    ignore_case: bool,
    storage: PluginStorage,
    /// The ids, by what queries call them.
    ids: BTreeMap<String, Vec<String>>,
}

impl RetrieverPlugin for Lookup {
    type Config = LookupConfig;

    fn build(config: LookupConfig, context: RetrieverContext) -> Result<Self> {
        let storage = context.storage();
        let ids = match storage.read(IDS)? {
            Some(text) => serde_json::from_slice(&text)
                .map_err(|error| Error::Config(format!("{IDS} is damaged: {error}; build the index again")))?,
            None => BTreeMap::new(),
        };
        Ok(Lookup { ignore_case: config.ignore_case, storage, ids })
    }
}

impl Lookup {
    fn key(&self, word: &str) -> String {
        if self.ignore_case { word.to_lowercase() } else { word.to_owned() }
    }

    fn find(&self, query: &str, k: usize) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        for (place, word) in query.split_whitespace().enumerate() {
            for id in self.ids.get(&self.key(word)).into_iter().flatten() {
                if hits.len() < k && hits.iter().all(|hit| hit.id != *id) {
                    hits.push(Hit { id: id.clone(), score: 1.0 / (place as f32 + 1.0) });
                }
            }
        }
        hits
    }
}

impl Retriever for Lookup {
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        let (mut ids, mut count) = (self.ids.clone(), 0);
        for document in documents {
            let id = document?.id;
            let known = ids.entry(self.key(&id)).or_default();
            if let Err(place) = known.binary_search(&id) {
                known.insert(place, id);
            }
            count += 1;
        }
        let text = serde_json::to_vec(&ids).map_err(|error| Error::Input(error.to_string()))?;
        self.storage.write(IDS, &text)?;
        self.ids = ids;
        Ok(count)
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        Ok(queries.iter().map(|query| self.find(query, k)).collect())
    }

    fn all_or_nothing(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_the_query_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let open = || {
            let context = RetrieverContext { device: scaledown_cpu::device().unwrap(), directory: directory.path().to_owned() };
            Lookup::build(LookupConfig { ignore_case: true }, context).unwrap()
        };
        let documents = ["K-12", "k-12", "m-3"].map(|id| Ok(Document { id: id.into(), text: String::new() }));
        assert_eq!(open().index(&mut documents.into_iter()).unwrap(), 3);
        let ids = |query: &str, k| open().find(query, k).into_iter().map(|hit| hit.id).collect::<Vec<_>>();
        assert_eq!(ids("what is M-3 or K-12 ?", 10), ["m-3", "K-12", "k-12"]);
        assert_eq!(ids("K-12 K-12", 1), ["K-12"]);
        assert!(ids("", 10).is_empty());
    }
}
