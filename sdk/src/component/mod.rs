//! The replaceable parts of ScaleDown: their traits, and how a plugin registers one.
//!
//! A component is made from its own typed configuration. A native plugin implements a trait, and
//! submits a [`Registration`] through `inventory`; a crate that is linked into the binary is found.

#[cfg(not(target_arch = "wasm32"))]
mod caught;
mod compressor;
#[cfg(not(target_arch = "wasm32"))]
mod generator;
mod offer;
#[cfg(not(target_arch = "wasm32"))]
mod registration;
#[cfg(not(target_arch = "wasm32"))]
mod reranker;
#[cfg(not(target_arch = "wasm32"))]
mod retriever;
#[cfg(not(target_arch = "wasm32"))]
mod sparse_encoder;
pub mod stop;
#[cfg(not(target_arch = "wasm32"))]
mod teacher;

#[cfg(not(target_arch = "wasm32"))]
pub use caught::caught;
pub use compressor::{Compressed, Compressor, CompressorContext, CompressorPlugin, LEARNING_RATE, PairBatch, PairTemplate};
#[cfg(not(target_arch = "wasm32"))]
pub use generator::{DecodeState, Generator, GeneratorContext, GeneratorInput, GeneratorPlugin};
#[cfg(not(target_arch = "wasm32"))]
pub use inventory;
#[cfg(not(target_arch = "wasm32"))]
pub use registration::{DevicePlugin, Factory, Kind, Registration, registrations};
#[cfg(not(target_arch = "wasm32"))]
pub use reranker::{Reranker, RerankerContext, RerankerPlugin};
#[cfg(not(target_arch = "wasm32"))]
pub use retriever::{Document, Hit, Retriever, RetrieverContext, RetrieverPlugin};
#[cfg(not(target_arch = "wasm32"))]
pub use sparse_encoder::{SparseEncoder, SparseVector};
#[cfg(not(target_arch = "wasm32"))]
pub use teacher::{ChatTokenizer, Question, Teacher, TeacherContext, TeacherPlugin};
