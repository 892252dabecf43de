//! The generator's prompt.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The generator's prompt. Both messages are templates with the variables `query` and `documents`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prompt {
    /// The system message. Empty: none.
    pub system: String,
    /// The user message. `{{ documents }}` is replaced with the documents (or their vectors),
    /// `{{ query }}` with the question.
    #[schemars(length(min = 1))]
    pub user: String,
    /// The separator between documents.
    pub separator: String,
    /// How each document is written: `{{ document }}` stands for it (its vectors, when compressed)
    /// and `{{ index }}` for its number, from 0; if not set, the document alone.
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
