//! Corpora: streams of documents, whatever they are stored as, and the chunks that long ones are
//! cut into.
//!
//! [`CorpusReader`] yields one [`RawDocument`] after the other, and never holds more than one
//! (of a file of plain text, that is the whole file). An unreadable document is an error that names
//! file and line. The stream continues with the next document. [`Chunker`] cuts documents into the
//! [`Chunk`]s that are searched and read, and [`Chunks`] does both.

mod built_in;
mod cell;
mod chunk;
pub mod config;
mod document;
mod files;
mod json;
mod kilt;
mod skipping;
mod stream;
mod table;
mod tsv;

pub use chunk::{Chunk, Chunker, Chunks};
pub use document::RawDocument;
pub(crate) use json::{lookup, scalar};
pub use skipping::Documents;
pub use stream::CorpusReader;
pub(crate) use table::Table;

#[cfg(test)]
mod tests;
