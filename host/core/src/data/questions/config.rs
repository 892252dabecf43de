//! The questions that are asked of a corpus.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The questions that are asked of a corpus: read from a file, or made from the corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Questions {
    /// How the questions are stored, or that they are made.
    pub format: QuestionFormat,
    /// The file, compressed (.gz, .zst) or not; `synthetic` needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    pub path: Option<PathBuf>,
    /// What the parts of a question are called (jsonl).
    #[serde(default)]
    pub fields: QuestionFields,
    /// The most questions: the first of a file; all, if not set. How many `synthetic` makes; 1000, if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
    /// Which documents and sentences `synthetic` takes.
    #[serde(default)]
    pub seed: u64,
    /// What `synthetic` asks.
    #[serde(default)]
    pub synthesis: Synthesis,
}

/// How questions are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionFormat {
    /// Plain text, a question a line; the number of the line is its id.
    Text,
    /// MS MARCO's queries, lines of an id and a question parted by a tab.
    Msmarco,
    /// JSON Lines, or one JSON array, of objects whose fields are named by `fields`.
    Jsonl,
    /// BEIR's `queries.jsonl`, or a directory with it: objects with `_id` and `text`.
    Beir,
    /// Made from the corpus, without a model: see `synthesis`.
    Synthetic,
}

/// The names of a question's parts. A dot leads into a nested object: `input.question`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuestionFields {
    /// The id, a string or a number. If not set: `id` or `_id` where there is one, else the number of the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub id: Option<String>,
    /// The question. If not set: `query`, `question` or `text`, the first that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub text: Option<String>,
    /// The right answers, a string or a list; if not set, `gold_answers`, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub answers: Option<String>,
    /// Documents to answer the question from, a list; with them, nothing is retrieved. If not set: `documents` where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub documents: Option<String>,
    /// The score of each of these documents, a list; with them, nothing is reranked. If not set: `reranking_scores` where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub reranking_scores: Option<String>,
}

/// What questions made from a corpus look like. They are no questions as people ask them: they serve to try a corpus and its retrieval, and
/// to train where there are no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Synthesis {
    /// A sentence of a document with a name or number left out, `Fill in the blank: ...`; what is left out is the right answer.
    #[default]
    Cloze,
    /// The first sentence of a document as a query; it has no answer, and only its document is known to be right.
    Lead,
}

impl Questions {
    /// The keys of this table that are allowed each but not together, with what is wrong.
    pub(crate) fn contradictions(&self, has_corpus: bool) -> Vec<(&'static str, String)> {
        match (self.format, &self.path) {
            (QuestionFormat::Synthetic, Some(_)) => {
                vec![("path", "not used: synthetic questions are made from the corpus; remove it, or set questions.format".into())]
            }
            (QuestionFormat::Synthetic, None) if !has_corpus => {
                vec![("format", "synthetic questions need a corpus; add a table [corpus]".into())]
            }
            (QuestionFormat::Synthetic, None) | (_, Some(_)) => Vec::new(),
            (_, None) => vec![("path", "is missing; expected the file of questions".into())],
        }
    }
}
