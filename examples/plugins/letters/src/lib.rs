//! A retriever and a reranker that compare texts by their groups of letters, so that a misspelt
//! name finds the right one.
//!
//! One crate offers both, and so does the component that is built of it.

mod grams;

use std::collections::BTreeMap;

use scaledown_sdk::component::{
    Document, Hit, PluginStorage, Reranker, RerankerContext, RerankerPlugin, Retriever, RetrieverContext, RetrieverPlugin,
};
use scaledown_sdk::{Error, Result};

use grams::Grams;

scaledown_sdk::retriever!(Letters, "letters", "Finds documents by groups of letters, misspelt names too.");
scaledown_sdk::reranker!(LetterScores, "letters", "Scores documents by groups of letters that they share with the query.");

/// The keys of `[retriever]` and `[reranker]` with `plugin = "letters"`.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LettersConfig {
    /// The letters of a group.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 8))]
    pub size: usize,
}

fn three() -> usize {
    3
}

/// The retriever, with its whole index in memory.
pub struct Letters {
    size: usize,
    storage: PluginStorage,
    documents: BTreeMap<String, Grams>,
}

/// The name of the index in the storage.
const INDEX: &str = "grams.json";

impl RetrieverPlugin for Letters {
    type Config = LettersConfig;

    fn build(config: LettersConfig, context: RetrieverContext) -> Result<Self> {
        let storage = context.storage();
        let documents = match storage.read(INDEX)? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| Error::Config(format!("{INDEX}: {error}")))?,
            None => BTreeMap::new(),
        };
        Ok(Letters { size: config.size, storage, documents })
    }
}

impl Retriever for Letters {
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        let mut read = 0;
        // What was indexed before stays as it was until all is read.
        let mut all = self.documents.clone();
        for document in documents {
            let Document { id, text } = document?;
            all.insert(id, Grams::of(&text, self.size));
            read += 1;
        }
        let bytes = serde_json::to_vec(&all).map_err(|error| Error::Config(error.to_string()))?;
        self.storage.write(INDEX, &bytes)?;
        self.documents = all;
        Ok(read)
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        let best = |query: &&str| {
            let query = Grams::of(query, self.size);
            let hit = |(id, grams): (&String, &Grams)| Hit { id: id.clone(), score: query.covered_by(grams) };
            let mut hits: Vec<Hit> = self.documents.iter().map(hit).filter(|hit| hit.score > 0.0).collect();
            // Documents come in the order of their ids, which a stable sort keeps among equal
            // scores.
            hits.sort_by(|a, b| b.score.total_cmp(&a.score));
            hits.truncate(k);
            hits
        };
        Ok(queries.iter().map(best).collect())
    }

    fn stats(&self) -> Vec<(String, String)> {
        vec![("documents".into(), self.documents.len().to_string()), ("letters a group".into(), self.size.to_string())]
    }
}

/// The reranker.
pub struct LetterScores(usize);

impl RerankerPlugin for LetterScores {
    type Config = LettersConfig;

    fn build(config: LettersConfig, _context: RerankerContext) -> Result<Self> {
        Ok(LetterScores(config.size))
    }
}

impl Reranker for LetterScores {
    fn score(&self, query: &str, documents: &[&str]) -> Result<Vec<f32>> {
        let query = Grams::of(query, self.0);
        Ok(documents.iter().map(|text| query.covered_by(&Grams::of(text, self.0))).collect())
    }
}
