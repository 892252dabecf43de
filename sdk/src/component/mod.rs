//! The replaceable parts of ScaleDown: their traits, and how a plugin registers one.
//!
//! A component is made from its own typed configuration. A native plugin implements a trait, and
//! submits a [`Registration`] through `inventory`; a crate that is linked into the binary is found.

#[cfg(not(target_arch = "wasm32"))]
mod caught;
mod compressor;
mod corpus;
mod generator;
mod input;
mod offer;
#[cfg(not(target_arch = "wasm32"))]
mod registration;
mod reranker;
mod retriever;
mod schema;
#[cfg(not(target_arch = "wasm32"))]
mod sparse_encoder;
pub mod stop;
mod storage;
mod teacher;

#[cfg(not(target_arch = "wasm32"))]
pub use caught::caught;
pub use compressor::{Compressed, Compressor, CompressorContext, CompressorPlugin, LEARNING_RATE, PairBatch, PairTemplate};
pub use corpus::{Corpus, CorpusContext, CorpusDocument, CorpusDocuments, CorpusPlugin};
pub use generator::{DecodeState, Generator, GeneratorContext, GeneratorInput, GeneratorPlugin};
pub use input::{names_in, open_file};
#[cfg(not(target_arch = "wasm32"))]
pub use inventory;
#[cfg(not(target_arch = "wasm32"))]
pub use registration::{DevicePlugin, Factory, Kind, Make, Registration, registrations};
pub use reranker::{Reranker, RerankerContext, RerankerPlugin};
pub use retriever::{Document, Hit, Retriever, RetrieverContext, RetrieverPlugin};
#[cfg(target_arch = "wasm32")]
pub(crate) use schema::schema;
#[cfg(not(target_arch = "wasm32"))]
pub use sparse_encoder::{SparseEncoder, SparseVector};
pub use storage::PluginStorage;
pub use teacher::{ChatTokenizer, Question, Teacher, TeacherContext, TeacherPlugin};
