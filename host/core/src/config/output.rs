//! Where results go.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The directory of a run and what is written there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// Checkpoints, metrics, plots, the report and the resolved configuration go here. A relative path counts from the
    /// working directory.
    #[schemars(with = "String", length(min = 1), extend("format" = "output-path"))]
    pub directory: PathBuf,
    /// Whether to write `report.html` and the plots beside `metrics.json`.
    pub report: bool,
    /// Sample answers shown in the report.
    pub samples: usize,
}

impl Default for Output {
    fn default() -> Self {
        Output { directory: PathBuf::from("runs/default"), report: true, samples: 8 }
    }
}
