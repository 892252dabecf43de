//! The project's benchmarks, on random models of one shape: time depends on shapes, not on what a model knows.
//!
//! `tests/peers` holds the PyTorch twin of each, with the same shapes, and a script that runs both in turn.

mod decode;
mod models;
mod rag;
mod step;
mod timing;

pub use decode::decode;
pub use rag::rag;
pub use step::step;
pub use timing::{Measurement, Timing};
