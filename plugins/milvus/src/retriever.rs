//! The retriever.

use std::time::Duration;

use scaledown_remote::{RemoteIndex, Secret, backoff};
use scaledown_sdk::Result;
use scaledown_sdk::component::{Document, Hit, Retriever, RetrieverContext, RetrieverPlugin};
use scaledown_splade::Splade;

use crate::MilvusConfig;
use crate::store::MilvusStore;

/// Documents in a collection of a Milvus service.
pub struct Milvus(RemoteIndex<MilvusStore>);

impl RetrieverPlugin for Milvus {
    type Config = MilvusConfig;

    fn build(config: MilvusConfig, context: RetrieverContext) -> Result<Self> {
        let token = Secret::find("retriever.token_env", config.token_env.as_deref(), "MILVUS_TOKEN")?;
        let store = MilvusStore::connect(&config, token)?;
        let encoder = Box::new(Splade::new(&config.encoder, &context.device)?);
        let backoff = backoff(Duration::from_millis(500), config.retries);
        Ok(Milvus(RemoteIndex::new("milvus", store, encoder, config.batch_size, backoff)))
    }
}

impl Retriever for Milvus {
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        self.0.index(documents)
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        self.0.search(queries, k)
    }
}
