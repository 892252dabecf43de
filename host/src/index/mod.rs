//! The index that a corpus is searched through: what the retriever keeps on disk, and the chunks' texts by their ids.
//!
//! | in the index's directory | |
//! | --- | --- |
//! | `index.json` | what it was made from; there once the index is complete |
//! | `chunks.redb` | the text of every chunk, by id |
//! | `retriever/` | the retriever's own files |

mod build;
mod chunk_store;
mod description;
mod error;
mod search;

pub use build::{add, build};
pub use description::{Description, describe};
pub use error::IndexError;
pub use search::{Found, SearchIndex};
