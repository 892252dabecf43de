//! How quality and speed are measured.

use scaledown_sdk::nn::{Sampling, Widths};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Size and decoding of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluation {
    /// Maximum number of test records. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub examples: Option<usize>,
    /// Documents per question.
    #[schemars(range(min = 1))]
    pub documents: usize,
    /// Maximum tokens of an answer.
    #[schemars(range(min = 1))]
    pub max_new_tokens: usize,
    /// Stop strings; not part of the answer.
    #[schemars(inner(length(min = 1)))]
    pub stop: Vec<String>,
    /// The sampling temperature; 0 is greedy decoding.
    #[schemars(range(min = 0.0))]
    pub temperature: f64,
    /// Nucleus sampling: the cumulative probability of the tokens to sample from; 1 for all.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub top_p: f64,
    /// The sampling seed.
    #[schemars(range(min = 0))]
    pub seed: u64,
    /// Questions per batch.
    #[schemars(range(min = 1))]
    #[schemars(extend("renamed-from" = "batch"))]
    pub batch_size: usize,
    /// Padding of batches: `exact` (to the longest sequence), `multiple-of-8`, or `buckets` (few
    /// widths, for devices that compile a program per shape). Default: the device's choice. Results
    /// are the same within rounding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub widths: Option<Widths>,
    /// Timed runs, over up to ten questions; times are medians.
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
