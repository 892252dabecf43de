//! Sections that shape the compressed input: lengths, joint reranking, and the prompt.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The lengths of what is compressed and what comes out, in tokens and vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Compression {
    /// Embedding vectors per document.
    #[schemars(range(min = 1, max = 1024))]
    pub memory_tokens: usize,
    /// The most tokens of a document that are read, compressed or not; the compression rate is this over `memory_tokens`.
    #[schemars(range(min = 1, max = 32768))]
    pub document_tokens: usize,
    /// The most tokens of a query that are read.
    #[schemars(range(min = 1, max = 32768))]
    pub query_tokens: usize,
}

impl Default for Compression {
    fn default() -> Self {
        Compression { memory_tokens: 8, document_tokens: 128, query_tokens: 128 }
    }
}

/// Joint reranking: the compressor also scores each document's relevance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reranking {
    /// Whether to train and use the relevance head; records then need `reranking_scores`.
    pub enabled: bool,
    /// The weight of the squared score error in the loss (lambda in the paper).
    #[schemars(range(min = 0.0))]
    pub weight: f64,
}

impl Default for Reranking {
    fn default() -> Self {
        Reranking { enabled: false, weight: 0.05 }
    }
}

/// What the generator is told. Both texts are templates that know `query` and `documents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prompt {
    /// The system message; empty for none.
    pub system: String,
    /// The user's message. `{{ documents }}` stands for the documents (their vectors, when compressed) and `{{ query }}` for
    /// the question.
    #[schemars(length(min = 1))]
    pub user: String,
    /// The text between two documents.
    pub separator: String,
    /// Whether to wrap the messages in the tokenizer's chat template, where it has one.
    pub chat_template: bool,
}

impl Default for Prompt {
    fn default() -> Self {
        Prompt {
            system: "Extract the relevant information from the documents and answer the question as briefly as possible.".into(),
            user: "Documents:\n{{ documents }}\n\nQuestion: {{ query }}".into(),
            separator: "\n".into(),
            chat_template: true,
        }
    }
}
