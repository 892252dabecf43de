//! Sample answers.

use serde::{Deserialize, Serialize};

/// One question with what every model answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The question.
    pub question: String,
    /// The right answers.
    pub gold: Vec<String>,
    /// The answer of the generator that read the full documents.
    pub uncompressed: Option<String>,
    /// The answer of the compressed model before training.
    pub before: Option<String>,
    /// The answer of the compressed model after training.
    pub after: String,
    /// The documents, as far as they were read.
    pub documents: Vec<String>,
    /// The compressor's relevance score of each document, where it gives one.
    pub relevance: Option<Vec<f64>>,
}
