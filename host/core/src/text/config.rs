//! What the generator is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// How each document is written: `{{ document }}` stands for it (its vectors, when compressed) and `{{ index }}` for its number, from 0;
    /// if not set, the document alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Whether to wrap the messages in the tokenizer's chat template, where it has one.
    pub chat_template: bool,
}

impl Default for Prompt {
    fn default() -> Self {
        Prompt {
            system: "Extract the relevant information from the documents and answer the question as briefly as possible.".into(),
            user: "Documents:\n{{ documents }}\n\nQuestion: {{ query }}".into(),
            separator: "\n".into(),
            document: None,
            chat_template: true,
        }
    }
}
