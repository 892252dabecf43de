//! One file, written whole or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{ArtifactError, TEMPORARY};

/// Writes `bytes` to `path`: afterwards the file holds either all of them or what it held before.
/// Makes the directory if it is missing.
///
/// # Errors
/// If the disk is full or the file cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    write_file_with(path, |file| file.write_all(bytes).map_err(ArtifactError::io("write", path)))
}

/// Writes what `fill` writes to `path`, as [`write_file`] does. Follows links. Devices and pipes (a
/// terminal, `/dev/null`, a fifo) are written directly, since they cannot be replaced.
///
/// # Errors
/// If `fill` fails; if the disk is full or the file cannot be written; if a directory or a disk
/// stands in its place.
pub fn write_file_with<T, E: From<ArtifactError>>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> Result<T, E>,
) -> Result<T, E> {
    let target = target(path).map_err(ArtifactError::io("write", path))?;
    match fs::metadata(&target) {
        Ok(found) if !found.is_file() => write_into(&target, path, found.file_type(), fill),
        _ => replace(&target, path, fill),
    }
}

/// Replaces a file whole.
fn replace<T, E: From<ArtifactError>>(
    target: &Path,
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> Result<T, E>,
) -> Result<T, E> {
    let parent = parent(target);
    fs::create_dir_all(&parent).map_err(ArtifactError::io("create", &parent))?;
    remove_abandoned(&parent);
    let temporary = locked_temporary(&parent).map_err(ArtifactError::io("write in", &parent))?;
    let mut writer = BufWriter::new(temporary.as_file());
    let filled = fill(&mut writer)?;
    writer.flush().map_err(ArtifactError::io("write", path))?;
    drop(writer);
    temporary.as_file().sync_all().map_err(ArtifactError::io("write", path))?;
    set_default_mode(temporary.as_file(), target)?;
    temporary.persist(target).map_err(|error| ArtifactError::io("replace", path)(error.error))?;
    sync_directory(&parent)?;
    Ok(filled)
}

/// Writes to a device or pipe.
fn write_into<T, E: From<ArtifactError>>(
    target: &Path,
    path: &Path,
    kind: fs::FileType,
    fill: impl FnOnce(&mut BufWriter<&File>) -> Result<T, E>,
) -> Result<T, E> {
    if kind.is_dir() {
        return Err(ArtifactError::io("write", path)(ErrorKind::IsADirectory.into()).into());
    }
    if is_disk(kind) {
        let error = std::io::Error::new(ErrorKind::InvalidInput, "is a device, expected a file name");
        return Err(ArtifactError::io("write", path)(error).into());
    }
    let opened = fs::OpenOptions::new().write(true).open(target).map_err(ArtifactError::io("write", path))?;
    let mut writer = BufWriter::new(&opened);
    let filled = fill(&mut writer)?;
    writer.flush().map_err(ArtifactError::io("write", path))?;
    Ok(filled)
}

#[cfg(unix)]
fn is_disk(kind: fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&kind)
}

#[cfg(not(unix))]
fn is_disk(_: fs::FileType) -> bool {
    false
}

/// Where the links lead that `path` may be.
fn target(path: &Path) -> std::io::Result<PathBuf> {
    /// As many as the operating system follows.
    const MOST_LINKS: usize = 40;
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        if !fs::symlink_metadata(&target).is_ok_and(|found| found.file_type().is_symlink()) {
            return Ok(target);
        }
        target = parent(&target).join(fs::read_link(&target)?);
    }
    Err(std::io::Error::other("is a circular link"))
}

/// Removes abandoned temporary files in a directory. Ignores files that cannot be removed.
pub(super) fn remove_abandoned(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            let _ = remove_if_abandoned(&entry.path());
        }
    }
}

/// A temporary file whose lock says that it is being written. A file system without locks does
/// without.
fn locked_temporary(parent: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    loop {
        let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(parent)?;
        let _ = temporary.as_file().lock();
        // Another process may have taken it for an abandoned one before it was locked.
        if temporary.path().try_exists()? {
            return Ok(temporary);
        }
    }
}

/// Removes a temporary file if its lock is free, and holds the lock meanwhile.
///
/// # Errors
/// If it cannot be removed.
pub(super) fn remove_if_abandoned(path: &Path) -> std::io::Result<()> {
    match File::open(path) {
        Ok(file) if file.try_lock().is_ok() => fs::remove_file(path),
        _ => Ok(()),
    }
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

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_written_to_and_stays() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        write_file(Path::new("/dev/null"), b"gone").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        let directory = tempfile::tempdir().unwrap();
        let (link, other, file) =
            (directory.path().join("link"), directory.path().join("other"), directory.path().join("real/file"));
        symlink("other", &link).unwrap();
        symlink("real/file", &other).unwrap();
        write_file(&link, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        write_file(&link, b"newer").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"newer");
        assert!(fs::symlink_metadata(&link).unwrap().file_type().is_symlink());
        symlink("circle", directory.path().join("circle")).unwrap();
        let error = write_file(&directory.path().join("circle"), b"x").unwrap_err().to_string();
        assert!(error.contains("circle"), "{error}");
    }

    #[test]
    fn writers_do_not_remove_each_others_files() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = directory.path().join(format!("file-{writer}"));
                scope.spawn(move || {
                    for round in 0..200 {
                        write_file(&path, format!("{round}").as_bytes()).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 4);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_what_is_written_now_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let (abandoned, held) = (directory.path().join(".writing-old"), directory.path().join(".writing-now"));
        fs::write(&abandoned, "half").unwrap();
        let file = File::create(&held).unwrap();
        file.lock().unwrap();
        write_file(&directory.path().join("file"), b"whole").unwrap();
        assert!(!abandoned.exists() && held.exists());
    }
}
