//! Where a corpus is indexed.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::corpus::config::CorpusConfig;
use crate::plugins::Component;

/// The index of the corpus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Index {
    /// The index's directory. Default: `index` in the output directory. Relative to the working
    /// directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(min = 1), extend("format" = "output-path"))]
    pub directory: Option<PathBuf>,
}

/// An index: where it is, and what it is of.
#[derive(Clone, Debug)]
pub struct IndexConfig<'a> {
    /// Its directory.
    pub directory: PathBuf,
    /// The retriever's table.
    pub retriever: &'a Component,
    /// The corpus's table, where it is known. Only building and adding need it.
    pub corpus: Option<&'a CorpusConfig>,
}
