//! A hybrid retriever: asks the other retrievers that it may call, and fuses their ranks (Cormack,
//! Clarke and Buettcher 2009). The same in Python is `examples/plugins/hybrid`.
//!
//! It is a component only: natively there are no components of a configuration to call.
#![cfg(target_arch = "wasm32")]

use std::collections::BTreeMap;

use scaledown_sdk::Result;
use scaledown_sdk::component::{Document, Hit, Retriever, RetrieverContext, RetrieverPlugin};
use scaledown_sdk::guest::host;

scaledown_sdk::retriever!(Fusion, "fusion", "Fuses the ranks of other retrievers of the configuration.");

/// The keys of `[retriever]` with `plugin = "fusion"`.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FusionConfig {
    /// Documents that each retriever is asked for.
    #[serde(default = "depth")]
    #[schemars(range(min = 1))]
    pub depth: usize,
    /// How little the first ranks stand out.
    #[serde(default = "constant")]
    pub constant: f32,
}

fn depth() -> usize {
    100
}

fn constant() -> f32 {
    60.0
}

/// The retriever. It keeps nothing: the host indexes those that it calls.
pub struct Fusion(FusionConfig);

impl RetrieverPlugin for Fusion {
    type Config = FusionConfig;

    fn build(config: FusionConfig, _context: RetrieverContext) -> Result<Self> {
        Ok(Fusion(config))
    }
}

impl Retriever for Fusion {
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        let mut read = 0;
        for document in documents {
            document?;
            read += 1;
        }
        Ok(read)
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        let mut scores: Vec<BTreeMap<String, f32>> = vec![BTreeMap::new(); queries.len()];
        for component in host::components() {
            let found = host::search(&component, queries, k.max(self.0.depth))?;
            for (sums, hits) in scores.iter_mut().zip(found) {
                for (rank, hit) in hits.into_iter().enumerate() {
                    *sums.entry(hit.id).or_insert(0.0) += 1.0 / (self.0.constant + rank as f32 + 1.0);
                }
            }
        }
        Ok(scores.into_iter().map(|sums| best(sums, k)).collect())
    }
}

fn best(sums: BTreeMap<String, f32>, k: usize) -> Vec<Hit> {
    let mut hits: Vec<Hit> = sums.into_iter().map(|(id, score)| Hit { id, score }).collect();
    // They come in the order of their ids, which a stable sort keeps among equal scores.
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits.truncate(k);
    hits
}
