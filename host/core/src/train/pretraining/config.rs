//! What `scaledown pretrain` does; step sizes and batches are those of the training section.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A language model from random weights, or a compressor whose space is not yet the generator's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pretraining {
    /// What is learned.
    pub kind: PretrainingKind,
    /// Plain text to learn from, one document a line, long ones cut into pieces of `compression.document_tokens`; if not set, the training
    /// records of the data section.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    #[schemars(extend("operational" = true))]
    pub text: Option<PathBuf>,
    /// The weight of the language-model loss on document tokens, beside weight 1 on answer tokens (causal-lm).
    #[schemars(range(min = 0.0))]
    pub document_weight: f64,
    /// The weight of the language-model loss on question tokens (causal-lm): predicting the rest of a name that the documents hold teaches a
    /// small model to look back.
    #[schemars(range(min = 0.0))]
    pub question_weight: f64,
    /// The share of examples that continue the text; the rest reproduce it (auto-encoding).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub continuation: f64,
    /// What is reproduced at a time (auto-encoding).
    pub unit: Unit,
    /// How many tokens of a text's beginning are given, not predicted: they tell which of a record's texts is wanted, so the texts are
    /// asked for in random order. With 0, the texts are asked for in their order (auto-encoding).
    pub cue_tokens: usize,
    /// The share of the records whose texts are compressed beside one of the record's questions, as they are when questions are answered; what
    /// is to be reproduced stays the same, and no answer is read. A compressor whose weights start from random values has seen no question
    /// otherwise (auto-encoding).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub query_share: f64,
    /// The share of the records whose texts are each compressed with the beginning of one of their sentences as the query, and of which only
    /// these sentences are asked for: the compressor learns to find what a query is about. No question and no answer is read (auto-encoding
    /// by sentences).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub cloze_share: f64,
    /// What stands between the vectors and the text that is to be reproduced (auto-encoding).
    pub reproduce_with: String,
    /// What stands between the vectors and the text that is to be continued (auto-encoding).
    pub continue_with: String,
    /// The curriculum, in order; without stages, all of a record's documents from the start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
}

impl Default for Pretraining {
    fn default() -> Self {
        Pretraining {
            kind: PretrainingKind::CausalLm,
            text: None,
            document_weight: 1.0,
            question_weight: 0.0,
            continuation: 0.5,
            unit: Unit::Text,
            cue_tokens: 0,
            query_share: 0.0,
            cloze_share: 0.0,
            reproduce_with: "\nRepeat: ".into(),
            continue_with: "\nContinue: ".into(),
            stages: Vec::new(),
        }
    }
}

/// What auto-encoding reproduces at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Each text as a whole, in the order of its sentences.
    #[default]
    Text,
    /// Each sentence of all texts, in random order. Its first half or more is given as the cue, so that the vectors must tell what is said of
    /// whom, wherever it stands.
    Sentence,
}

/// What pretraining teaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PretrainingKind {
    /// The generator learns to predict the next token.
    CausalLm,
    /// The compressor learns to carry a text: the generator reproduces or continues it from the vectors alone.
    AutoEncoding,
}

/// Records of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageData {
    /// Documents with questions and answers (`.jsonl`; auto-encoding reads the documents, and no answers), or plain text, one document a line. A record
    /// has `documents` and `questions`, a list of `query` and `answer`; or it is a training record, which asks one question.
    #[schemars(with = "String", extend("format" = "path"))]
    pub path: PathBuf,
    /// How many records to take, from the first on; all, if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub records: Option<usize>,
}

/// One stage of a curriculum. It ends at the accuracy or the steps, whichever comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The files whose records the stage mixes; if there are none, those of the section.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("operational" = true))]
    pub data: Vec<StageData>,
    /// The answer-token accuracy at which the stage ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub until_accuracy: Option<f64>,
    /// The most optimizer steps of the stage.
    #[schemars(range(min = 1))]
    pub max_steps: usize,
}
