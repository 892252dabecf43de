//! The metrics of a training, as they come: `metrics.jsonl`, one JSON object a step, and a
//! TensorBoard event file.
//!
//! Both are written a whole record at a time, so that a killed run leaves at most one cut record at
//! the end, which readers pass over. A resumed run removes the points that were logged after its
//! checkpoint.

mod error;
mod events;
mod log;
mod tracker;

pub use error::TrackingError;
pub use events::EventFile;
pub use log::{LOG, Point, read};
pub use tracker::Tracker;
