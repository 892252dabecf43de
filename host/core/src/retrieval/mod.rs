//! The index that a corpus is searched through: what the retriever keeps on disk, and the chunks'
//! texts by their ids.
//!
//! | in the index's directory | |
//! | --- | --- |
//! | `index.json` | what it was made from, and which build it is; there once the index is complete |
//! | `build-1/chunks.redb` | the text of every chunk, by id |
//! | `build-1/retriever/` | the retriever's own files |
//! | `build-1/verified.json` | what the files were like when their checksums were compared last |
//! | `LOCK` | locked by the run that builds the index or adds to it |

mod build;
mod chunk_store;
pub mod config;
mod description;
mod error;
mod place;
mod search;
mod stamp;

pub use build::{add, build};
pub use description::{Description, describe};
pub use error::IndexError;
pub use search::{FoundChunk, SearchIndex};
