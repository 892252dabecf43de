//! How good and how fast a model is, compressed and uncompressed.

pub mod bench;
pub mod config;
mod median;
pub mod metrics;
mod quality;
pub mod report;
mod speed;

pub use quality::{Evaluated, evaluate, ranking};
pub use speed::{measure_speed, phase_costs};
