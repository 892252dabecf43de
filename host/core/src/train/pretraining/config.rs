//! The configuration of `scaledown pretrain`; learning rates and batches are those of `[training]`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pretraining of a language model, or of a compressor whose vectors are not yet in the generator's
/// space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pretraining {
    /// The objective.
    pub kind: PretrainingKind,
    /// Plain text, one document per line, split into pieces of `compression.document_tokens`.
    /// Default: the records of `data.train`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    #[schemars(extend("operational" = true))]
    pub text: Option<PathBuf>,
    /// The loss weight of document tokens; answer tokens have weight 1 (causal-lm).
    #[schemars(range(min = 0.0))]
    pub document_weight: f64,
    /// The loss weight of question tokens (causal-lm). Completing a name that the documents contain
    /// teaches a small model to look back.
    #[schemars(range(min = 0.0))]
    pub question_weight: f64,
    /// The fraction of examples that continue the text; the others reproduce it (auto-encoding).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub continuation: f64,
    /// The unit to reproduce (auto-encoding).
    pub unit: Unit,
    /// Tokens of a text's beginning that are given as a cue, not predicted. With a cue, texts are
    /// requested in random order; with 0, in their own order (auto-encoding).
    pub cue_tokens: usize,
    /// The fraction of records whose texts are compressed with one of the record's questions, as at
    /// inference; the targets stay the same, answers are not used. Otherwise a randomly initialised
    /// compressor never sees a question (auto-encoding).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub query_share: f64,
    /// The fraction of records whose texts are each compressed with the beginning of one of their
    /// sentences as the query; only these sentences are targets. The compressor learns to find the
    /// subject of a query. Questions and answers are not used (auto-encoding by sentences).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub cloze_share: f64,
    /// The text between the vectors and the text to reproduce (auto-encoding).
    pub reproduce_with: String,
    /// The text between the vectors and the text to continue (auto-encoding).
    pub continue_with: String,
    /// The stages of the curriculum, in order. Default: one stage with all documents of a record.
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

/// The unit that auto-encoding reproduces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Whole texts.
    #[default]
    Text,
    /// Single sentences of all texts, in random order. The first half or more is the cue.
    Sentence,
}

/// The pretraining objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PretrainingKind {
    /// The generator predicts the next token.
    CausalLm,
    /// The generator reproduces or continues a text from the compressor's vectors.
    AutoEncoding,
}

/// Records of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageData {
    /// Documents with questions and answers (`.jsonl`), or plain text, one document per line. A
    /// record has `documents` and `questions` (a list of `query` and `answer`), or is a training
    /// record. Auto-encoding does not use answers.
    #[schemars(with = "String", extend("format" = "path"))]
    pub path: PathBuf,
    /// Maximum number of records. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub records: Option<usize>,
}

/// One stage of a curriculum. Ends at `until_accuracy` or `max_steps`, whichever comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The files that the stage mixes. Default: those of the section.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("operational" = true))]
    pub data: Vec<StageData>,
    /// Ends the stage at this token accuracy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub until_accuracy: Option<f64>,
    /// Maximum optimizer steps of the stage.
    #[schemars(range(min = 1))]
    pub max_steps: usize,
}
