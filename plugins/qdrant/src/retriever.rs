//! The retriever.

use std::time::Duration;

use scaledown_remote::{RemoteIndex, Secret, backoff};
use scaledown_sdk::Result;
use scaledown_sdk::component::{Document, Hit, Retriever, RetrieverContext, RetrieverPlugin};
use scaledown_splade::Splade;

use crate::QdrantConfig;
use crate::store::QdrantStore;

/// Documents in a collection of a Qdrant service.
pub struct Qdrant(RemoteIndex<QdrantStore>);

impl RetrieverPlugin for Qdrant {
    type Config = QdrantConfig;

    fn build(config: QdrantConfig, context: RetrieverContext) -> Result<Self> {
        let key = Secret::find("retriever.api_key_env", config.api_key_env.as_deref(), "QDRANT_API_KEY")?;
        let store = QdrantStore::connect(&config, key)?;
        let encoder = Box::new(Splade::new(&config.encoder, &context.device)?);
        let backoff = backoff(Duration::from_millis(500), config.retries);
        Ok(Qdrant(RemoteIndex::new("qdrant", store, encoder, config.batch_size, backoff)))
    }
}

impl Retriever for Qdrant {
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        self.0.index(documents)
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        self.0.search(queries, k)
    }
}
