//! The `milvus` plugin: a retriever whose sparse vectors are kept and searched by a Milvus service,
//! for a corpus that outgrows one machine.
//!
//! Texts are encoded here, by the `splade` encoder. A document is one entity whose primary key is
//! the document's id, so that adding it again replaces it; nothing else of it is kept. Everything
//! goes through Milvus's own Rust client; its retries are off, since they exclude writes, which are
//! idempotent here.

mod config;
mod retriever;
mod store;

pub use config::MilvusConfig;
pub use retriever::Milvus;

use scaledown_sdk::component::{Registration, inventory};

inventory::submit! {
    Registration::retriever::<Milvus>("milvus", "Ranks documents by their sparse vectors, which a Milvus service keeps and searches.")
}
