//! The `qdrant` plugin: a retriever whose sparse vectors are kept and searched by a Qdrant service,
//! for a corpus that outgrows one machine.
//!
//! Texts are encoded here, by the `splade` encoder. A document is one point, whose id is a UUID
//! made of the document's id (version 5, RFC 9562), so that adding it again replaces it; the
//! document's id is the point's only payload. Everything goes through Qdrant's own Rust client.

mod config;
mod retriever;
mod store;

pub use config::QdrantConfig;
pub use retriever::Qdrant;

use scaledown_sdk::component::{Registration, inventory};

inventory::submit! {
    Registration::retriever::<Qdrant>("qdrant", "Ranks documents by their sparse vectors, which a Qdrant service keeps and searches.")
}
