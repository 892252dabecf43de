//! How good and how fast a model is, compressed and uncompressed.

pub mod bench;
pub mod config;
mod median;
pub mod metrics;
mod quality;
pub mod report;
mod speed;

pub use quality::{AnsweredQuestion, Evaluated, ScoredAnswer, evaluate, kept_facts, paired_f1, ranking, side_by_side};
pub use speed::{measure_speed, phase_costs};
