//! One training at a time in an output directory.

use std::fs::{self, File, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use super::TrainingError;
use crate::support::artifact::ArtifactError;

/// The file that is locked, in the run's directory.
const LOCK: &str = "LOCK";

/// Keeps other trainings out of a directory for as long as it lives; the end of the process, however it comes, ends it too.
///
/// A directory that was made for the lock, and in which nothing else was written, is removed again.
#[derive(Debug)]
pub struct RunLock {
    file: File,
    directory: PathBuf,
    /// The directories that were made, the innermost first.
    made: Vec<PathBuf>,
}

impl RunLock {
    /// Locks `directory`, which is made if it is missing.
    ///
    /// # Errors
    /// [`TrainingError::Busy`] if another training holds it; if it cannot be made or written to.
    pub fn take(directory: &Path) -> Result<Self, TrainingError> {
        loop {
            let lock = Self::open(directory)?;
            match lock.file.try_lock() {
                // One that has ended meanwhile may have removed the file that was opened.
                Ok(()) if !lock.counts() => lock.forget(),
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => {
                    lock.forget();
                    return Err(TrainingError::Busy(directory.to_owned()));
                }
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                    tracing::warn!(directory = %directory.display(), "this file system has no locks; run one training at a time");
                    return Ok(lock);
                }
                Err(TryLockError::Error(error)) => return Err(failed("lock", &directory.join(LOCK))(error)),
            }
        }
    }

    /// Opens the file, and makes the directories that it needs.
    fn open(directory: &Path) -> Result<Self, TrainingError> {
        let made = directory.ancestors().take_while(|place| !place.exists()).map(Path::to_owned).collect();
        fs::create_dir_all(directory).map_err(failed("create", directory))?;
        let path = directory.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed("create", &path))?;
        Ok(RunLock { file, directory: directory.to_owned(), made })
    }

    /// Whether the locked file is the one that others find in the directory.
    fn counts(&self) -> bool {
        let there = fs::metadata(self.directory.join(LOCK));
        there.and_then(|there| Ok(is_same(&there, &self.file.metadata()?))).unwrap_or(false)
    }

    /// Leaves everything as it is: another training's.
    fn forget(mut self) {
        self.made.clear();
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        let is_alone = || fs::read_dir(&self.directory).is_ok_and(|entries| entries.count() == 1);
        if self.made.is_empty() || !is_alone() {
            return;
        }
        // Best effort: an empty directory harms nobody. Still locked, so that nobody else begins in between.
        let _ = fs::remove_file(self.directory.join(LOCK));
        let _ = self.made.iter().try_for_each(fs::remove_dir);
    }
}

#[cfg(unix)]
fn is_same(a: &fs::Metadata, b: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Elsewhere, a file that is open keeps its name until it is closed.
#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(Error) -> TrainingError {
    let path = path.to_owned();
    move |source| ArtifactError::Io { action, path, source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_training_at_a_time_holds_a_directory() {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("runs/a");
        let first = RunLock::take(&run).unwrap();
        fs::write(run.join("metrics.jsonl"), "").unwrap();
        let error = RunLock::take(&run).unwrap_err();
        assert!(matches!(&error, TrainingError::Busy(busy) if *busy == run), "{error}");
        assert!(error.to_string().starts_with(&format!("{}: another training is at work", run.display())), "{error}");
        RunLock::take(&place.path().join("runs/b")).unwrap();
        drop(first);
        RunLock::take(&run).unwrap();
        assert!(run.join("metrics.jsonl").is_file());
    }

    #[test]
    fn what_was_made_for_the_lock_alone_is_removed_again() {
        let place = tempfile::tempdir().unwrap();
        let (new, own) = (place.path().join("runs/deep/a"), place.path().join("own"));
        drop(RunLock::take(&new).unwrap());
        assert!(!place.path().join("runs").exists());
        fs::create_dir(&own).unwrap();
        drop(RunLock::take(&own).unwrap());
        assert!(own.is_dir(), "a directory that was there before was removed");
    }

    #[test]
    fn a_refused_training_takes_nothing_away() {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("a");
        let _first = RunLock::take(&run).unwrap();
        drop(RunLock::take(&run).unwrap_err());
        assert!(run.join(LOCK).is_file());
        assert!(RunLock::take(&run).is_err(), "the refusal has freed the directory");
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_on_a_file_that_was_removed_meanwhile_counts_for_nothing() {
        let place = tempfile::tempdir().unwrap();
        let lock = RunLock::open(place.path()).unwrap();
        assert!(lock.counts());
        fs::remove_file(place.path().join(LOCK)).unwrap();
        assert!(!lock.counts());
        fs::write(place.path().join(LOCK), "").unwrap();
        assert!(!lock.counts());
    }
}
