//! The `deberta` plugin: a cross-encoder, which reads a query and a document together and says how
//! well they fit (Nogueira and Cho 2019, arXiv 1901.04085).
//!
//! Models are sequence classifiers in the Hugging Face layout: DeBERTa-v2 and v3
//! (`DebertaV2ForSequenceClassification`), and BERT, of which the MiniLM cross-encoders are
//! (`BertForSequenceClassification`). The score of a model with one label is its logit, without the
//! sigmoid that `sentence-transformers` may put on it; of one with two, the logit of label 1 less
//! that of label 0, which orders documents as the probability of label 1 does. A model with more
//! labels is refused.

mod config;
mod model;
mod pairs;
mod reranker;

pub use config::CrossEncoderConfig;
pub use reranker::CrossEncoder;

use scaledown_sdk::component::{Registration, inventory};

inventory::submit! {
    Registration::reranker::<CrossEncoder>("deberta", "Scores documents with a DeBERTa or BERT cross-encoder.")
        .with_aliases(&["cross-encoder"])
}
