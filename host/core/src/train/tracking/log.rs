//! The lines of `metrics.jsonl`.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::error::TrackingError;
use crate::support::artifact::write_file;

/// The log's file name in a run's directory.
pub const LOG: &str = "metrics.jsonl";

/// The measurements of one step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The optimizer steps done.
    pub step: u64,
    /// Each metric's value; `None` where it was no finite number, which JSON cannot hold.
    #[serde(flatten)]
    pub values: BTreeMap<String, Option<f64>>,
}

/// The points of the log at `path`, in the order they were written. Skips malformed lines, such as
/// one truncated by a kill. A missing file has no points.
///
/// # Errors
/// If the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<Point>, TrackingError> {
    Ok(content(path)?.lines().filter_map(parse).collect())
}

/// Removes every point after `step` and malformed lines.
pub(super) fn rewind(path: &Path, step: u64) -> Result<(), TrackingError> {
    let content = content(path)?;
    let keep = |line: &&str| parse(line).is_some_and(|point| point.step <= step);
    let kept: String = content.lines().filter(keep).flat_map(|line| [line, "\n"]).collect();
    if kept == content {
        return Ok(());
    }
    // Replaced as a whole: a kill at this moment must not lose the points that stay.
    Ok(write_file(path, kept.as_bytes())?)
}

fn parse(line: &str) -> Option<Point> {
    serde_json::from_str(line).ok()
}

fn content(path: &Path) -> Result<String, TrackingError> {
    match fs::read(path) {
        // A power cut may leave invalid text.
        Ok(content) => Ok(String::from_utf8_lossy(&content).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(TrackingError::io("read", path)(error)),
    }
}
