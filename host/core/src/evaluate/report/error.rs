//! Errors of reports.

use super::plot::PlotError;
use crate::support::artifact::ArtifactError;

/// A report that cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The disk refused.
    #[error(transparent)]
    Write(#[from] ArtifactError),
    /// A picture could not be drawn.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// The page could not be made.
    #[error("cannot render the report: {0}")]
    Page(#[from] minijinja::Error),
    /// The metrics have no JSON form.
    #[error("cannot write the metrics as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl crate::error::Cause for ReportError {}
