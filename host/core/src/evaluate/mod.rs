//! How good and how fast a model is, compressed and uncompressed.

pub mod bench;
mod lengths;
pub mod metrics;
mod quality;
pub mod report;
mod speed;

pub use lengths::DocumentLengths;
pub use quality::{Evaluated, evaluate, ranking};
pub use speed::{measure_speed, phase_costs};
