//! One file, written whole or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{ArtifactError, TEMPORARY};

/// Writes `bytes` to `path`: afterwards the file holds either all of them or what it held before. Makes the directory if it is missing.
///
/// # Errors
/// If the disk is full or the file cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    write_file_with(path, |file| file.write_all(bytes).map_err(ArtifactError::io("write", path)))
}

/// Writes what `fill` writes to `path`, as [`write_file`] does.
///
/// # Errors
/// If `fill` fails; if the disk is full or the file cannot be written.
pub fn write_file_with<T, E: From<ArtifactError>>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> Result<T, E>,
) -> Result<T, E> {
    let parent = parent(path);
    fs::create_dir_all(&parent).map_err(ArtifactError::io("create", &parent))?;
    let temporary =
        tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(&parent).map_err(ArtifactError::io("write in", &parent))?;
    let mut writer = BufWriter::new(temporary.as_file());
    let filled = fill(&mut writer)?;
    writer.flush().map_err(ArtifactError::io("write", path))?;
    drop(writer);
    temporary.as_file().sync_all().map_err(ArtifactError::io("write", path))?;
    set_default_mode(temporary.as_file(), path)?;
    temporary.persist(path).map_err(|error| ArtifactError::io("replace", path)(error.error))?;
    sync_directory(&parent)?;
    Ok(filled)
}

/// The directory of `path`; the present one for a bare name.
pub(super) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes a rename in `directory` survive a loss of power.
pub(super) fn sync_directory(directory: &Path) -> Result<(), ArtifactError> {
    // Windows cannot open directories as files, and needs no such flush.
    if cfg!(windows) {
        return Ok(());
    }
    File::open(directory).and_then(|file| file.sync_all()).map_err(ArtifactError::io("flush", directory))
}

/// Gives a temporary file, which is private to its owner, the usual permissions.
#[cfg(unix)]
fn set_default_mode(file: &File, path: &Path) -> Result<(), ArtifactError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_or(0o644, |metadata| metadata.permissions().mode() & 0o777);
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(ArtifactError::io("write", path))
}

#[cfg(not(unix))]
fn set_default_mode(_: &File, _: &Path) -> Result<(), ArtifactError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/file.txt");
        write_file(&path, b"one").unwrap();
        write_file(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("taken");
        fs::create_dir(&path).unwrap();
        let error = write_file(&path, b"new").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
