//! BERT (Devlin et al. 2018, arXiv 1810.04805) and DistilBERT (Sanh et al. 2019, arXiv 1910.01108),
//! frozen, as `transformers.models.bert` and `transformers.models.distilbert` store them.
//!
//! Post-norm layers with biases and learned absolute positions. [`BertMaskedLm`] is what SPLADE
//! retrievers are made of, [`BertClassifier`] what MiniLM cross-encoders are. Weights have the
//! names of `BertForMaskedLM`, `DistilBertForMaskedLM` and `BertForSequenceClassification`.

mod classifier;
mod config;
mod layer;
mod masked_lm;
mod model;

pub use classifier::BertClassifier;
pub use config::{BertConfig, Family};
pub use masked_lm::BertMaskedLm;
pub use model::Bert;
