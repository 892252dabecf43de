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
    /// Applies the tokenizer's chat template, if it has one.
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
