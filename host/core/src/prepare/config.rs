//! Preparation of training records from questions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::config::OnError;
use crate::plugins::Component;
use crate::text::config::Prompt;

/// Preparation of records by `scaledown prepare`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Preparation {
    /// Documents to retrieve per question.
    #[schemars(range(min = 1))]
    pub retrieve: usize,
    /// Documents to keep per record: the best by the reranker, or by the retriever without one.
    #[schemars(range(min = 1))]
    pub keep: usize,
    /// Retrieved documents to rerank: the retriever's best. Default: all.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<usize>,
    /// How many of the kept documents to replace, on average, with random ones from the other
    /// retrieved documents: with 3.5, half of the records get three and half get four. Random
    /// negatives are easier than the next best documents. The reranker scores them too.
    #[schemars(range(min = 0.0))]
    #[schemars(extend("renamed-from" = "draw"))]
    pub random_negatives: f64,
    /// Questions per block. Stages process blocks; documents are journaled per block, answers as
    /// they arrive.
    #[schemars(range(min = 1, max = 65536))]
    pub block: usize,
    /// Queued blocks per stage.
    #[schemars(range(min = 1, max = 65536))]
    #[schemars(extend("operational" = true))]
    pub queue: usize,
    /// How to treat a question that is malformed, retrieves nothing, or gets no answer from the
    /// teacher.
    #[schemars(extend("operational" = true))]
    pub on_error: OnError,
}

impl Preparation {
    /// How many of the documents found the reranker puts in order.
    #[must_use]
    pub fn reranked(&self) -> usize {
        self.rerank.unwrap_or(self.retrieve).min(self.retrieve)
    }

    /// Invalid combinations of keys, each with a message.
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
