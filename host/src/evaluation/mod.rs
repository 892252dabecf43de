//! How good and how fast a model is, compressed and uncompressed.

mod quality;
mod speed;

pub use quality::{Evaluated, evaluate, ranking};
pub use speed::{compression_rate, measure_speed, phase_costs};
