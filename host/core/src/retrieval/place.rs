//! Where the parts of an index lie, and who may change them.

use std::path::{Path, PathBuf};

use super::IndexError;
use crate::support::lock::{DirectoryLock, LockError};
use crate::{Error, Result};

/// The prefix of build directories.
const BUILD: &str = "build-";

/// Where the parts of an index lie: each build has a directory of its own, and `index.json` names
/// the one that counts. So an existing index is complete, and searched, until another one is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct IndexPlace {
    /// The index's directory.
    pub(super) root: PathBuf,
    /// The number of the build.
    pub(super) build: u32,
}

impl IndexPlace {
    /// The place of a build that there has not been yet. The directory exists afterwards.
    pub(super) fn create(root: &Path) -> Result<Self> {
        let last = builds(root)?.into_iter().map(|(build, _)| build).max().unwrap_or(0);
        let place = IndexPlace { root: root.to_owned(), build: last.wrapping_add(1) };
        let directory = place.directory();
        std::fs::create_dir(&directory).map_err(|error| Error::io(&directory, error))?;
        Ok(place)
    }

    /// The directory of the build.
    pub(super) fn directory(&self) -> PathBuf {
        self.root.join(format!("{BUILD}{}", self.build))
    }

    /// The file of the chunks' texts.
    pub(super) fn chunks(&self) -> PathBuf {
        self.directory().join("chunks.redb")
    }

    /// The directory of the retriever's own files.
    pub(super) fn retriever(&self) -> PathBuf {
        self.directory().join("retriever")
    }

    /// A copy of this build, of the next number, that can be changed while this one counts.
    pub(super) fn copy(&self) -> Result<Self> {
        let place = IndexPlace::create(&self.root)?;
        copy(&self.directory(), &place.directory()).inspect_err(|_| drop(std::fs::remove_dir_all(place.directory())))?;
        Ok(place)
    }

    /// Removes the other builds: an older one, and what one that did not come to its end has left.
    /// Nothing else in the directory is touched.
    pub(super) fn remove_others(&self) -> Result<()> {
        remove(&self.root, Some(self.build))?;
        let old = [self.root.join("chunks.redb"), self.root.join("retriever")];
        // Where the first version of this format kept its parts.
        if old[0].is_file() {
            std::fs::remove_file(&old[0]).map_err(|error| Error::io(&old[0], error))?;
            remove_directory(&old[1])?;
        }
        Ok(())
    }
}

/// Copies the contents of a directory into an existing one, except for locks.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from).map_err(|error| Error::io(from, error))? {
        let entry = entry.map_err(|error| Error::io(from, error))?;
        let (path, name) = (entry.path(), entry.file_name());
        let target = to.join(&name);
        if path.is_dir() {
            std::fs::create_dir(&target).map_err(|error| Error::io(&target, error))?;
            copy(&path, &target)?;
        } else if !name.to_string_lossy().ends_with(".lock") {
            std::fs::copy(&path, &target).map_err(|error| Error::io(&target, error))?;
        }
    }
    Ok(())
}

/// Removes all builds of an index but one.
pub(super) fn remove(root: &Path, but: Option<u32>) -> Result<()> {
    builds(root)?.into_iter().filter(|(build, _)| Some(*build) != but).try_for_each(|(_, path)| remove_directory(&path))
}

fn remove_directory(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

/// The builds in an index's directory, by their numbers.
fn builds(root: &Path) -> Result<Vec<(u32, PathBuf)>> {
    let mut builds = Vec::new();
    for entry in std::fs::read_dir(root).map_err(|error| Error::io(root, error))? {
        let entry = entry.map_err(|error| Error::io(root, error))?;
        let build = entry.file_name().to_str().and_then(|name| name.strip_prefix(BUILD)?.parse().ok());
        builds.extend(build.map(|build| (build, entry.path())));
    }
    Ok(builds)
}

/// Whether another run keeps the lock of the index in `root`.
pub(super) fn is_locked(root: &Path) -> bool {
    DirectoryLock::is_held(root)
}

/// Keeps other runs from changing the index of a directory, which is made if it is missing.
/// Searching needs no lock.
pub(super) fn lock(root: &Path) -> Result<DirectoryLock> {
    DirectoryLock::take(root).map_err(|error| match error {
        LockError::Held(root) => IndexError::Locked(root).into(),
        LockError::Io(error) => error.into(),
    })
}
