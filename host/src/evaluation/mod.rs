//! How good and how fast a model is, compressed and uncompressed.

mod lengths;
mod quality;
mod speed;

pub use lengths::DocumentLengths;
pub use quality::{Evaluated, evaluate, ranking};
pub use speed::{measure_speed, phase_costs};
