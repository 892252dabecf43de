//! The records to train on and to evaluate with.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Training, validation and test records: JSON Lines of
/// `{query, documents, answer, reranking_scores?}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Training records.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    #[schemars(extend("operational" = true))]
    pub train: Option<PathBuf>,
    /// Validation records, measured every `training.validate_every` steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    #[schemars(extend("operational" = true))]
    pub validation: Option<PathBuf>,
    /// Test records.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "path"))]
    #[schemars(extend("operational" = true))]
    pub test: Option<PathBuf>,
    /// Maximum number of training records. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub train_limit: Option<usize>,
    /// Maximum number of validation records. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    #[schemars(extend("operational" = true))]
    pub validation_limit: Option<usize>,
    /// Maximum number of documents per record. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub documents: Option<usize>,
    /// Shuffles the documents of each training record, depending on the seed. Records of `prepare`
    /// begin with the most relevant document; a model could learn that position.
    pub shuffle_documents: bool,
}

/// How to treat an unreadable document or a question that cannot be prepared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// Stops the run. Fix the cause and resume.
    Stop,
    /// Skips and counts it.
    #[default]
    Skip,
}
