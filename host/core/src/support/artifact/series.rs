//! Directories of one kind beside each other, as the checkpoints of a training: the latest, the
//! ones to keep, and what killed writers left.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::file::remove_if_abandoned;
use super::manifest::MANIFEST;
use super::{ArtifactError, TEMPORARY};

/// The committed directory in `parent` whose name sorts last; `None` if there is none.
///
/// # Errors
/// If `parent` cannot be listed.
pub fn latest(parent: &Path) -> Result<Option<PathBuf>, ArtifactError> {
    Ok(committed(parent)?.pop())
}

/// Removes all committed directories in `parent` but the `keep` whose names sort last, and what
/// killed writers left there.
///
/// # Errors
/// If one cannot be removed.
pub fn keep_last(parent: &Path, keep: usize) -> Result<(), ArtifactError> {
    remove_leftovers(parent)?;
    let mut directories = committed(parent)?;
    directories.truncate(directories.len().saturating_sub(keep));
    directories.iter().try_for_each(|path| {
        // Under a temporary name first: a kill in between must not leave a directory that looks
        // whole.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let aside = parent.join(format!("{TEMPORARY}{name}"));
        fs::rename(path, &aside).and_then(|()| fs::remove_dir_all(&aside)).map_err(ArtifactError::io("remove", path))
    })
}

/// The committed directories in `parent`, by name.
fn committed(parent: &Path) -> Result<Vec<PathBuf>, ArtifactError> {
    let mut paths: Vec<PathBuf> = entries(parent)?.into_iter().filter(|path| path.join(MANIFEST).is_file()).collect();
    paths.retain(|path| !is_temporary(path));
    paths.sort();
    Ok(paths)
}

fn entries(parent: &Path) -> Result<Vec<PathBuf>, ArtifactError> {
    match fs::read_dir(parent) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(ArtifactError::io("list", parent)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(ArtifactError::io("list", parent)(error)),
    }
}

/// Removes what killed writers left in `parent`.
pub(super) fn remove_leftovers(parent: &Path) -> Result<(), ArtifactError> {
    entries(parent)?.into_iter().filter(|path| is_temporary(path)).try_for_each(|path| {
        // A writer that was killed while it replaced a directory has put the old one aside, in
        // here.
        // Another process may be writing here.
        let removed = match path.is_dir() {
            true if is_locked(&path) => Ok(()),
            true => fs::remove_dir_all(&path),
            false => remove_if_abandoned(&path),
        };
        removed.map_err(ArtifactError::io("remove", &path))
    })
}

/// Whether a writer is still filling a directory.
fn is_locked(directory: &Path) -> bool {
    File::open(directory).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY))
}

#[cfg(test)]
mod tests {
    use super::super::DirectoryWriter;
    use super::*;

    fn write(path: &Path, content: &[u8]) {
        let mut writer = DirectoryWriter::new(path).unwrap();
        writer.write("data", content).unwrap();
        writer.commit().unwrap();
    }

    #[test]
    fn what_a_killed_writer_left_is_ignored_and_removed() {
        let parent = tempfile::tempdir().unwrap();
        write(&parent.path().join("step-1"), b"whole");
        let (leftover, file) = (parent.path().join(format!("{TEMPORARY}abc")), parent.path().join(format!("{TEMPORARY}file")));
        fs::create_dir(&leftover).unwrap();
        fs::write(leftover.join(MANIFEST), b"{}").unwrap();
        fs::write(&file, b"half").unwrap();
        assert_eq!(latest(parent.path()).unwrap(), Some(parent.path().join("step-1")));
        write(&parent.path().join("step-2"), b"next");
        assert!(!leftover.exists() && !file.exists());
    }

    #[test]
    fn old_directories_go() {
        let parent = tempfile::tempdir().unwrap();
        (1..=4).for_each(|i| write(&parent.path().join(format!("step-{i}")), b"x"));
        fs::create_dir(parent.path().join(format!("{TEMPORARY}step-2"))).unwrap();
        keep_last(parent.path(), 2).unwrap();
        let left: Vec<_> = committed(parent.path()).unwrap();
        assert_eq!(left, [parent.path().join("step-3"), parent.path().join("step-4")]);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2, "no temporary name is left");
    }
}
