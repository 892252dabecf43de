//! How quality and speed are measured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The size of an evaluation and how answers are generated in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluation {
    /// The most test records to answer; all, if not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub examples: Option<usize>,
    /// Documents per question.
    #[schemars(range(min = 1))]
    pub documents: usize,
    /// The most tokens of an answer.
    #[schemars(range(min = 1))]
    pub max_new_tokens: usize,
    /// Questions answered at once.
    #[schemars(range(min = 1))]
    pub batch: usize,
    /// Runs that a time is the median of, over up to ten questions.
    #[schemars(range(min = 1))]
    pub repetitions: usize,
}

impl Default for Evaluation {
    fn default() -> Self {
        Evaluation { examples: None, documents: 10, max_new_tokens: 128, batch: 8, repetitions: 10 }
    }
}
