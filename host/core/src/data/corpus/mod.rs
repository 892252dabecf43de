//! Corpora: streams of documents, whatever they are stored as, and the chunks that long ones are cut into.
//!
//! [`Corpus`] yields one [`Document`] after the other, and never holds more than one (of a file of plain text, that is the whole file).
//! A document that cannot be read is an error that names the file and the line; the stream goes on with the next. [`Chunker`] cuts
//! documents into the [`Chunk`]s that are searched and read, and [`Chunks`] does both.

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
pub use document::Document;
pub(crate) use json::{lookup, scalar};
pub use skipping::Documents;
pub use stream::Corpus;
pub(crate) use table::Table;

#[cfg(test)]
mod tests;
