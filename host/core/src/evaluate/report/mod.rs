//! The report of a run: `metrics.json` for programs, `report.html` and three plots for people.
//!
//! A pipeline fills a [`EvaluationReport`] and calls [`write()`]; nothing here measures anything.
//! Every part except the metrics may be empty and is then omitted.

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
pub use metrics::{Environment, Memory, Metrics, PhaseCosts, Ranking, ReadDocuments, Speed, StageSummary, TrainingSummary};
pub use sample::Sample;
pub use write::{EvaluationReport, WrittenReport, write, write_answers, write_metrics};
