//! How questions become training records.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::config::OnError;
use crate::plugins::Component;
use crate::text::config::Prompt;

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
    /// How many of those found the reranker puts in order: the retriever's best. All, if not set.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<usize>,
    /// How many of the documents that a record keeps are drawn at random from the rest of those found, in place of its own last ones, on average:
    /// with 3.5, half of the records have three of them and the others have four. They are a compressor's practice with documents that are
    /// less like the right one than the next best are; the reranker scores them too.
    #[schemars(range(min = 0.0))]
    #[schemars(extend("renamed-from" = "draw"))]
    pub random_negatives: f64,
    /// How many questions go from stage to stage together. Their documents are recorded together, their answers as they come.
    #[schemars(range(min = 1, max = 65536))]
    pub block: usize,
    /// How many blocks may wait before each stage.
    #[schemars(range(min = 1, max = 65536))]
    #[schemars(extend("operational" = true))]
    pub queue: usize,
    /// What becomes of a question that is malformed, finds no document, or that the teacher refuses or answers with nothing.
    #[schemars(extend("operational" = true))]
    pub on_error: OnError,
}

impl Preparation {
    /// How many of the documents found the reranker puts in order.
    #[must_use]
    pub fn reranked(&self) -> usize {
        self.rerank.unwrap_or(self.retrieve).min(self.retrieve)
    }

    /// What the schema cannot say: keys whose values do not go together, each with what is wrong.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if self.rerank.is_some_and(|rerank| rerank > self.retrieve) {
            found.push((
                "rerank",
                format!(
                    "found {}, expected at most preparation.retrieve, which is {}",
                    self.rerank.unwrap_or_default(),
                    self.retrieve
                ),
            ));
        }
        let most = self.keep.saturating_sub(1);
        if self.random_negatives > most as f64 {
            found.push((
                "random_negatives",
                format!("found {}, expected at most {most}, one less than preparation.keep", self.random_negatives),
            ));
        }
        let rest = self.retrieve - self.reranked();
        if self.random_negatives.ceil() > rest as f64 {
            let message = format!(
                "found {}, expected at most {rest} (preparation.retrieve - preparation.rerank); raise preparation.retrieve or lower preparation.rerank",
                self.random_negatives
            );
            found.push(("random_negatives", message));
        }
        found
    }
}

impl Default for Preparation {
    fn default() -> Self {
        Preparation {
            retrieve: 20,
            keep: 5,
            rerank: None,
            random_negatives: 0.0,
            block: 16,
            queue: 8,
            on_error: OnError::default(),
        }
    }
}

/// Everything in a configuration that prepared records may depend on.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are the sections'")]
pub struct PreparationConfig<'a> {
    pub preparation: &'a Preparation,
    pub prompt: &'a Prompt,
    pub retriever: Option<&'a Component>,
    pub reranker: Option<&'a Component>,
    pub teacher: Option<&'a Component>,
}
