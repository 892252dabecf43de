//! The report of a run: `metrics.json` for programs, `report.html` and three plots for people.
//!
//! A pipeline fills a [`Report`] and calls [`write`]; nothing here measures anything. Every part but the metrics may be
//! empty, and is then left out.

mod comparison;
mod error;
mod figures;
mod headline;
mod html;
mod metrics;
mod plot;
mod sample;
mod write;

pub use comparison::{ComparedRun, Comparison, write_comparison};
pub use error::ReportError;
pub use metrics::{Environment, Memory, Metrics, PhaseCosts, Ranking, Speed, StageSummary, TrainingSummary};
pub use sample::Sample;
pub use write::{Report, Written, write, write_metrics};
