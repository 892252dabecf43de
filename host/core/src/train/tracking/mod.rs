//! The metrics of a training, as they come: `metrics.jsonl`, one JSON object a step, and a
//! TensorBoard event file.
//!
//! Both are written a whole record at a time, so that a killed run leaves at most one cut record at
//! the end, which readers pass over. A run that is resumed takes back what was logged after the
//! step that it goes on from.

mod error;
mod events;
mod log;
mod tracker;

pub use error::TrackingError;
pub use events::EventFile;
pub use log::{LOG, Point, read};
pub use tracker::Tracker;
