//! Output.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The output directory and its contents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// The output directory: checkpoints, metrics, plots, report and resolved configuration.
    /// Relative to the working directory.
    #[schemars(with = "String", length(min = 1), extend("format" = "output-path"))]
    pub directory: PathBuf,
    /// Writes `report.html` and plots in addition to `metrics.json`.
    pub report: bool,
    /// Number of sample answers in the report.
    pub samples: usize,
}

impl Default for Output {
    fn default() -> Self {
        Output { directory: PathBuf::from("runs/default"), report: true, samples: 8 }
    }
}
