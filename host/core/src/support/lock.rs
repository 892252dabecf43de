//! Locks: one process at a time writes a file or into a directory.
//!
//! The end of a process, however it comes, ends its locks too. Without locks in the file system,
//! warns and continues.

use std::fs::{self, File, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use crate::support::artifact::ArtifactError;

/// Why locking failed.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{}: locked by another process", .0.display())]
    Held(PathBuf),
    /// The file or its directory cannot be made or written to.
    #[error(transparent)]
    Io(#[from] ArtifactError),
}

/// Locks `file`, which is open at `path`, until it is closed.
///
/// # Errors
/// [`LockError::Held`] with `path` if another process holds it; if it cannot be locked.
pub fn lock_file(file: &File, path: &Path) -> Result<(), LockError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(LockError::Held(path.to_owned())),
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
            tracing::warn!(path = %path.display(), "this file system has no locks; do not start another run here");
            Ok(())
        }
        Err(TryLockError::Error(error)) => Err(failed("lock", path)(error)),
    }
}

/// The file that is locked, in a directory.
const LOCK: &str = "LOCK";

/// Keeps other runs out of a directory for as long as it lives.
///
/// A directory that was made for the lock, and in which nothing else was written, is removed again.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
    directory: PathBuf,
    /// The directories that were made, the innermost first.
    made: Vec<PathBuf>,
}

impl DirectoryLock {
    /// Locks `directory`, which is made if it is missing.
    ///
    /// # Errors
    /// [`LockError::Held`] with `directory` if another process holds it; if it cannot be made or
    /// written to.
    pub fn take(directory: &Path) -> Result<Self, LockError> {
        loop {
            let lock = Self::open(directory)?;
            match lock_file(&lock.file, &directory.join(LOCK)) {
                // One that has ended meanwhile may have removed the file that was opened.
                Ok(()) if !lock.counts() => lock.forget(),
                Ok(()) => return Ok(lock),
                Err(LockError::Held(_)) => {
                    lock.forget();
                    return Err(LockError::Held(directory.to_owned()));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether another process holds the lock of `directory`.
    #[must_use]
    pub fn is_held(directory: &Path) -> bool {
        let file = File::open(directory.join(LOCK));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Opens the file, and makes the directories that it needs.
    fn open(directory: &Path) -> Result<Self, LockError> {
        let made = directory.ancestors().take_while(|place| !place.exists()).map(Path::to_owned).collect();
        fs::create_dir_all(directory).map_err(failed("create", directory))?;
        let path = directory.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed("create", &path))?;
        Ok(DirectoryLock { file, directory: directory.to_owned(), made })
    }

    /// Whether the locked file is the one that others find in the directory.
    fn counts(&self) -> bool {
        let there = fs::metadata(self.directory.join(LOCK));
        there.and_then(|there| Ok(is_same(&there, &self.file.metadata()?))).unwrap_or(false)
    }

    /// Changes nothing: the lock is another run's.
    fn forget(mut self) {
        self.made.clear();
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        let is_alone = || fs::read_dir(&self.directory).is_ok_and(|entries| entries.count() == 1);
        if self.made.is_empty() || !is_alone() {
            return;
        }
        // Best effort: an empty directory is harmless. Still locked, so that no other process
        // starts in between.
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

fn failed(action: &'static str, path: &Path) -> impl FnOnce(Error) -> LockError {
    let path = path.to_owned();
    move |source| ArtifactError::Io { action, path, source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_holds_a_directory() {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("runs/a");
        let first = DirectoryLock::take(&run).unwrap();
        fs::write(run.join("metrics.jsonl"), "").unwrap();
        assert!(DirectoryLock::is_held(&run));
        let error = DirectoryLock::take(&run).unwrap_err();
        assert!(matches!(&error, LockError::Held(busy) if *busy == run), "{error}");
        DirectoryLock::take(&place.path().join("runs/b")).unwrap();
        drop(first);
        assert!(!DirectoryLock::is_held(&run));
        DirectoryLock::take(&run).unwrap();
        assert!(run.join("metrics.jsonl").is_file());
    }

    #[test]
    fn what_was_made_for_the_lock_alone_is_removed_again() {
        let place = tempfile::tempdir().unwrap();
        let (new, own) = (place.path().join("runs/deep/a"), place.path().join("own"));
        drop(DirectoryLock::take(&new).unwrap());
        assert!(!place.path().join("runs").exists());
        fs::create_dir(&own).unwrap();
        drop(DirectoryLock::take(&own).unwrap());
        assert!(own.is_dir(), "a directory that was there before was removed");
    }

    #[test]
    fn a_refused_run_takes_nothing_away() {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("a");
        let _first = DirectoryLock::take(&run).unwrap();
        drop(DirectoryLock::take(&run).unwrap_err());
        assert!(run.join(LOCK).is_file());
        assert!(DirectoryLock::take(&run).is_err(), "the refusal has freed the directory");
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_on_a_file_that_was_removed_meanwhile_counts_for_nothing() {
        let place = tempfile::tempdir().unwrap();
        let lock = DirectoryLock::open(place.path()).unwrap();
        assert!(lock.counts());
        fs::remove_file(place.path().join(LOCK)).unwrap();
        assert!(!lock.counts());
        fs::write(place.path().join(LOCK), "").unwrap();
        assert!(!lock.counts());
    }
}
