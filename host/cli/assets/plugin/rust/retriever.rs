//! A retriever: documents that share the most words with the query.

use std::collections::{BTreeMap, BTreeSet};

use scaledown_sdk::component::{Document, Hit, Retriever, RetrieverContext, RetrieverPlugin, PluginStorage};
use scaledown_sdk::{Error, Result};

scaledown_sdk::retriever!({{type}}, "{{name}}", "Finds documents that share the most words with the query.");

/// The keys of `[retriever]` with `plugin = "{{name}}"`.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Words shorter than this count for nothing.
    #[serde(default)]
    pub shortest_word: usize,
}

/// The retriever, with its whole index in memory.
pub struct {{type}} {
    config: Config,
    storage: PluginStorage,
    documents: BTreeMap<String, String>,
}

/// The name of the index in the storage.
const INDEX: &str = "documents.json";

impl RetrieverPlugin for {{type}} {
    type Config = Config;

    fn build(config: Config, context: RetrieverContext) -> Result<Self> {
        let storage = context.storage();
        let documents = match storage.read(INDEX)? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| Error::Config(error.to_string()))?,
            None => BTreeMap::new(),
        };
        Ok({{type}} { config, storage, documents })
    }
}

impl Retriever for {{type}} {
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        let mut read = 0;
        for document in documents {
            let Document { id, text } = document?;
            self.documents.insert(id, text);
            read += 1;
        }
        let bytes = serde_json::to_vec(&self.documents).map_err(|error| Error::Config(error.to_string()))?;
        self.storage.write(INDEX, &bytes)?;
        Ok(read)
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        Ok(queries.iter().map(|query| self.best(query, k)).collect())
    }
}

impl {{type}} {
    fn words<'a>(&self, text: &'a str) -> BTreeSet<&'a str> {
        text.split_whitespace().filter(|word| word.len() >= self.config.shortest_word).collect()
    }

    fn best(&self, query: &str, k: usize) -> Vec<Hit> {
        let query = self.words(query);
        let score = |text: &str| self.words(text).intersection(&query).count() as f32;
        let hits = self.documents.iter().map(|(id, text)| Hit { id: id.clone(), score: score(text) });
        let mut hits: Vec<Hit> = hits.filter(|hit| hit.score > 0.0).collect();
        // Documents come in the order of their ids, which a stable sort keeps among equal scores.
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(k);
        hits
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn the_document_with_the_most_words_comes_first() {
        let documents = [("a", "one two"), ("b", "one two three"), ("c", "four")];
        let documents = documents.map(|(id, text)| (id.to_owned(), text.to_owned())).into();
        let storage = PluginStorage::new(std::env::temp_dir());
        let retriever = {{type}} { config: Config { shortest_word: 0 }, storage, documents };
        let ids: Vec<String> = retriever.best("one two three", 2).into_iter().map(|hit| hit.id).collect();
        assert_eq!(ids, ["b", "a"]);
    }
}
