//! The questions that are asked of a corpus.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The questions: read from a file or generated from the corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Questions {
    /// The questions' format, or `synthetic`.
    pub format: QuestionFormat,
    /// The file, may be compressed (.gz, .zst). Not used by `synthetic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    pub path: Option<PathBuf>,
    /// Field names of questions (jsonl).
    #[serde(default)]
    pub fields: QuestionFields,
    /// Maximum number of questions. Default: all of a file; 1000 for `synthetic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
    /// The seed of `synthetic`.
    #[serde(default)]
    pub seed: u64,
    /// The kind of questions that `synthetic` generates.
    #[serde(default)]
    pub synthesis: Synthesis,
}

/// How questions are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionFormat {
    /// Plain text, one question per line; the line number is the id.
    Text,
    /// MS MARCO's queries, tab-separated: `id question`.
    Msmarco,
    /// JSON Lines, or one JSON array, of objects whose fields are named by `fields`.
    Jsonl,
    /// BEIR's `queries.jsonl`, or a directory with it: objects with `_id` and `text`.
    Beir,
    /// Generated from the corpus, without a model: see `synthesis`.
    Synthetic,
}

/// Field names of a question. A dot selects a nested field: `input.question`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuestionFields {
    /// The id, a string or number. Default: `id` or `_id` if present, else the line number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub id: Option<String>,
    /// The question. Default: the first present of `query`, `question` and `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub text: Option<String>,
    /// Gold answers, a string or a list. Default: `gold_answers` if present.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub answers: Option<String>,
    /// The question's documents, a list; replaces retrieval. Default: `documents` if present.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub documents: Option<String>,
    /// The scores of these documents, a list; replaces reranking. Default: `reranking_scores` if
    /// present.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub reranking_scores: Option<String>,
}

/// The kind of generated questions. They are unlike questions that people ask: use them to test a
/// corpus and its retrieval, or to train without other questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Synthesis {
    /// A sentence of a document with a name or number blanked out, `Fill in the blank: ...`. The
    /// gold answer is the blank.
    #[default]
    Cloze,
    /// The first sentence of a document as the query. It has no gold answer; only its document is
    /// known to be relevant.
    Lead,
}

impl Questions {
    /// Combinations of keys that are not allowed, each with a message.
    pub(crate) fn contradictions(&self, has_corpus: bool) -> Vec<(&'static str, String)> {
        match (self.format, &self.path) {
            (QuestionFormat::Synthetic, Some(_)) => {
                vec![(
                    "path",
                    "not used: synthetic questions are made from the corpus; remove it, or set questions.format".into(),
                )]
            }
            (QuestionFormat::Synthetic, None) if !has_corpus => {
                vec![("format", "synthetic questions need a corpus; add a table [corpus]".into())]
            }
            (QuestionFormat::Synthetic, None) | (_, Some(_)) => Vec::new(),
            (_, None) => vec![("path", "is missing; expected the file of questions".into())],
        }
    }
}
