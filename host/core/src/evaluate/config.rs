//! How quality and speed are measured.

use scaledown_sdk::nn::{Sampling, Widths};
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
    /// Strings that end an answer; they are not part of it.
    #[schemars(inner(length(min = 1)))]
    pub stop: Vec<String>,
    /// What logits are divided by before a token is drawn; 0 always takes the most probable token.
    #[schemars(range(min = 0.0))]
    pub temperature: f64,
    /// Tokens are drawn from the most probable ones that have this probability together; 1 for all.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub top_p: f64,
    /// Decides which tokens are drawn, together with the place of the question among all.
    #[schemars(range(min = 0))]
    pub seed: u64,
    /// Questions answered at once.
    #[schemars(range(min = 1))]
    #[schemars(extend("renamed-from" = "batch"))]
    pub batch_size: usize,
    /// How wide batches are padded: `exact` to their longest sequence, `multiple-of-8`, or `buckets`, few widths for devices that compile a
    /// program for each. If not set, what suits the device. Results are the same within rounding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub widths: Option<Widths>,
    /// Runs that a time is the median of, over up to ten questions.
    #[schemars(range(min = 1))]
    pub repetitions: usize,
}

impl Default for Evaluation {
    fn default() -> Self {
        Evaluation {
            examples: None,
            documents: 10,
            max_new_tokens: 128,
            stop: Vec::new(),
            temperature: 0.0,
            top_p: 1.0,
            seed: 42,
            batch_size: 8,
            widths: None,
            repetitions: 10,
        }
    }
}

impl Evaluation {
    /// How each token is chosen.
    #[must_use]
    pub fn sampling(&self) -> Sampling {
        match self.temperature > 0.0 {
            true => Sampling::TopP { temperature: self.temperature, top_p: self.top_p, seed: self.seed },
            false => Sampling::Greedy,
        }
    }
}
