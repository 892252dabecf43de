//! The `bm25` plugin: a retriever that ranks documents by the words that they share with the query
//! (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond"), on
//! tantivy, with its `k1 = 1.2` and `b = 0.75`.
//!
//! The index is a directory of tantivy's own files. Documents are added without end, one whose id
//! is known takes the place of the older, and nothing is visible to a search before a call of
//! `index` is done with all of its documents.

mod analysis;
mod config;
mod directory;
mod retriever;
mod scripts;

pub use config::{Bm25Config, Language};
pub use retriever::Bm25;

use scaledown_sdk::component::{Registration, inventory};

inventory::submit! {
    Registration::retriever::<Bm25>("bm25", "Ranks documents by the words they share with the query, in an index on disk.")
}
