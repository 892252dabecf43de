//! The `candle` plugin: models that candle-transformers has and our own decoder has not, run by
//! candle on the processor.
//!
//! As `[teacher]`, phi-2, Mixtral, StarCoder2 and others from a Hugging Face directory, or
//! quantised from a GGUF file:
//!
//! ```toml
//! [teacher]
//! plugin = "candle"
//! model = "microsoft/phi-2"
//! ```
//!
//! As `[reranker]`, XLM-RoBERTa cross-encoders such as bge-reranker. candle cuts gradients in
//! places, so that nothing is trained here.

mod config;
mod family;
mod files;
mod gguf;
mod reranker;
mod teacher;

pub use config::{CandlePrecision, CandleReranker, CandleTeacher};
pub use reranker::XlmRobertaReranker;
pub use teacher::Candle;

use scaledown_sdk::component::{Registration, inventory};

inventory::submit! {
    Registration::teacher::<Candle>("candle", "Answers with a model that candle-transformers has, also quantised from a GGUF file.")
}

inventory::submit! {
    Registration::reranker::<XlmRobertaReranker>("candle", "Scores documents with an XLM-RoBERTa cross-encoder, such as bge-reranker.")
}
