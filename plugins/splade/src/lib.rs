//! The `splade` plugin: turns texts into sparse vectors over a masked language model's vocabulary
//! (Formal et al. 2021, arXiv 2109.10086).
//!
//! The weight of a term is `log(1 + relu(x))`, where `x` is the greatest of the logits that the
//! model predicts for it at the text's tokens. Any BERT or DistilBERT masked-LM checkpoint in the
//! Hugging Face layout can be used; README.md says under which licences the public ones come. The
//! retriever keeps the documents' vectors in a `scaledown-sparse-index`.

mod config;
mod encoder;
mod retriever;
mod retriever_config;
mod terms;
mod tokenizer;

pub use config::SpladeConfig;
pub use encoder::Splade;
pub use retriever::SpladeRetriever;
pub use retriever_config::{SpladeRetrieverConfig, Stored};

use scaledown_sdk::component::{Registration, inventory};

inventory::submit! {
    Registration::retriever::<SpladeRetriever>("splade", "Finds documents by learnt sparse vectors, in an exact index on disk.")
}
