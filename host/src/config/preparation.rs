//! How questions become training records, and where the corpus is indexed.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The index that a corpus is searched through.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Index {
    /// Where the index is kept: the chunks of the corpus, and what the retriever keeps on disk. If not set, `index` in the output directory.
    /// A relative path counts from the working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(min = 1), extend("format" = "output-path"))]
    pub directory: Option<PathBuf>,
}

/// How `scaledown prepare` turns questions into records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Preparation {
    /// How many documents the retriever finds for a question.
    #[schemars(range(min = 1))]
    pub retrieve: usize,
    /// How many of them a record keeps: the best by the reranker, or by the retriever where there is none.
    #[schemars(range(min = 1))]
    pub keep: usize,
    /// How many of the documents that a record keeps were found for other questions of its block, in place of its own last ones, on average: with
    /// 3.5, every second record has three of them and the others have four. A small model that is to learn from them cannot tell five documents
    /// apart that are all much like the right one.
    #[schemars(range(min = 0.0))]
    pub borrow: f64,
    /// How many questions are worked on, recorded and taken up again together.
    #[schemars(range(min = 1, max = 65536))]
    pub block: usize,
    /// How many blocks may wait before each stage.
    #[schemars(range(min = 1, max = 65536))]
    pub queue: usize,
    /// What becomes of a question that is malformed, finds no document, or that the teacher refuses or answers with nothing.
    pub on_error: OnError,
}

/// What becomes of a question that cannot be prepared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// It ends the run, which can be resumed once the cause is removed.
    Stop,
    /// It is left out and counted.
    #[default]
    Skip,
}

impl Default for Preparation {
    fn default() -> Self {
        Preparation { retrieve: 20, keep: 5, borrow: 0.0, block: 16, queue: 8, on_error: OnError::default() }
    }
}
