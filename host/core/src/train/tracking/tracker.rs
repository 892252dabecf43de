//! Writes a training's metrics.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use super::{
    error::TrackingError,
    events::EventFile,
    log::{LOG, Point, rewind},
};

/// The directory of the event files, beside the log.
const EVENTS: &str = "tensorboard";

/// Appends a training's metrics to the log and to an event file.
#[derive(Debug)]
pub struct Tracker {
    log: File,
    path: PathBuf,
    events: EventFile,
}

impl Tracker {
    /// Opens the log in `directory` for a training that continues after `step` steps (0 for a new
    /// one). Removes later points.
    ///
    /// # Errors
    /// If the log cannot be read or written.
    pub fn resume(directory: &Path, step: u64) -> Result<Self, TrackingError> {
        fs::create_dir_all(directory).map_err(TrackingError::io("create", directory))?;
        let path = directory.join(LOG);
        rewind(&path, step)?;
        let log = OpenOptions::new().create(true).append(true).open(&path).map_err(TrackingError::io("open", &path))?;
        let events = EventFile::create(&directory.join(EVENTS), step + 1)?;
        Ok(Tracker { log, path, events })
    }

    /// Logs the named values after `step` steps. Both files hold them when this returns.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn log(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<(), TrackingError> {
        let value = |(name, value): &(&str, f64)| ((*name).to_owned(), value.is_finite().then_some(*value));
        let point = Point { step, values: scalars.iter().map(value).collect::<BTreeMap<_, _>>() };
        let line = serde_json::to_string(&point).map_err(std::io::Error::from);
        // One write, so that a kill leaves the whole line or a part that readers pass over.
        line.and_then(|line| self.log.write_all((line + "\n").as_bytes())).map_err(TrackingError::io("write", &self.path))?;
        self.events.scalars(step, scalars)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::read, *};

    fn steps(directory: &Path) -> Vec<u64> {
        read(&directory.join(LOG)).expect("readable").into_iter().map(|point| point.step).collect()
    }

    #[test]
    fn a_resumed_run_takes_back_what_came_later_and_what_was_cut() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut tracker = Tracker::resume(directory.path(), 0).expect("opened");
        for step in 1..=5 {
            tracker.log(step, &[("loss", 1.0 / step as f64), ("bad", f64::NAN)]).expect("logged");
        }
        drop(tracker);
        let path = directory.path().join(LOG);
        let whole = fs::read(&path).expect("readable");
        let last = whole.split_inclusive(|byte| *byte == b'\n').next_back().expect("five lines").len();
        // Killed in the middle of step 5, at every byte.
        for cut in 1..=last {
            fs::write(&path, &whole[..whole.len() - cut]).expect("written");
            // Only the line's end is missing at the first cut.
            let expected: &[u64] = if cut == 1 { &[1, 2, 3, 4, 5] } else { &[1, 2, 3, 4] };
            assert_eq!(steps(directory.path()), expected);
        }
        let mut resumed = Tracker::resume(directory.path(), 3).expect("opened");
        resumed.log(4, &[("loss", 9.0)]).expect("logged");
        assert_eq!(steps(directory.path()), [1, 2, 3, 4]);
        let points = read(&path).expect("readable");
        assert_eq!(points[2].values["loss"], Some(1.0 / 3.0), "values come back to the last bit");
        assert_eq!((points[2].values["bad"], points[3].values["loss"]), (None, Some(9.0)));
    }

    #[test]
    fn a_new_run_in_an_old_directory_starts_over() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Tracker::resume(directory.path(), 0).and_then(|mut tracker| tracker.log(1, &[("loss", 1.0)])).expect("logged");
        drop(Tracker::resume(directory.path(), 0).expect("opened"));
        assert!(steps(directory.path()).is_empty());
        assert!(read(Path::new("no/such/log")).expect("a missing log is empty").is_empty());
    }
}
