//! The records to train on and to evaluate with.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// JSONL files of `{query, documents, answer, reranking_scores?}` records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// The records to train on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    #[schemars(extend("operational" = true))]
    pub train: Option<PathBuf>,
    /// The records that are measured during training, every `training.validate_every` steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    #[schemars(extend("operational" = true))]
    pub validation: Option<PathBuf>,
    /// The records that are measured before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    #[schemars(extend("operational" = true))]
    pub test: Option<PathBuf>,
    /// The most training records to read; all, if not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub train_limit: Option<usize>,
    /// The most validation records to read; all, if not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    #[schemars(extend("operational" = true))]
    pub validation_limit: Option<usize>,
    /// The most documents of a record to use; all, if not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub documents: Option<usize>,
    /// Whether the documents of each training record come in a random order, the same in every run of a seed. Records of `prepare` have the most
    /// relevant one first, which a model may learn to rely on.
    pub shuffle_documents: bool,
}

/// What becomes of a document that cannot be read or a question that cannot be prepared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// It ends the run, which can be resumed once the cause is removed.
    Stop,
    /// It is left out and counted.
    #[default]
    Skip,
}
