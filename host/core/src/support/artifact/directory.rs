//! A directory of files with a manifest, written whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::file::{parent, sync_directory};
use super::manifest::{MANIFEST, Manifest, ManifestEntry, checksum};
use super::series::remove_leftovers;
use super::{ArtifactError, TEMPORARY};

/// Fills a directory under a temporary name; [`DirectoryWriter::commit`] gives it its own.
pub struct DirectoryWriter {
    path: PathBuf,
    staging: Staging,
    manifest: Manifest,
}

/// A directory under a temporary name, with the lock that tells other processes that it is in use.
struct Staging {
    directory: tempfile::TempDir,
    _lock: Option<File>,
}

impl Staging {
    /// Without locks in the file system, the directory has none.
    fn new(parent: &Path) -> std::io::Result<Self> {
        loop {
            let directory = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(parent)?;
            let lock = File::open(directory.path()).ok().filter(|file| file.try_lock().is_ok());
            // Another process may have taken it for an abandoned one before it was locked.
            if directory.path().try_exists()? {
                return Ok(Staging { directory, _lock: lock });
            }
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl DirectoryWriter {
    /// Begins to write the directory `path`. Removes the leftovers of a killed writer.
    ///
    /// # Errors
    /// If the place cannot be written to.
    pub fn new(path: &Path) -> Result<Self, ArtifactError> {
        let parent = parent(path);
        fs::create_dir_all(&parent).map_err(ArtifactError::io("create", &parent))?;
        if is_foreign(path) {
            return Err(ArtifactError::Foreign(path.to_owned()));
        }
        remove_leftovers(&parent)?;
        let staging = Staging::new(&parent).map_err(ArtifactError::io("write in", &parent))?;
        Ok(DirectoryWriter { path: path.to_owned(), staging, manifest: Manifest::new() })
    }

    /// Writes one file of the directory.
    ///
    /// # Errors
    /// If the name is not a plain one or the disk is full.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
        self.store(plain(name)?, bytes)?;
        let entry = ManifestEntry { bytes: bytes.len() as u64, crc32: crc32fast::hash(bytes) };
        self.manifest.files.insert(name.to_owned(), entry);
        Ok(())
    }

    /// Lets code that writes files by path make the files `names`: `write` gets the directory under
    /// its temporary name.
    ///
    /// # Errors
    /// If a name is not a plain one, the disk is full, or the content cannot be made.
    pub fn fill(&mut self, names: &[&str], write: impl FnOnce(&Path) -> scaledown_sdk::Result<()>) -> Result<(), ArtifactError> {
        names.iter().try_for_each(|name| plain(name).map(drop))?;
        write(self.staging.path()).map_err(|error| match error {
            scaledown_sdk::Error::Io { path, source } => ArtifactError::io("write", self.in_place(&path, names))(source),
            other => ArtifactError::Content(other),
        })?;
        for name in names {
            let entry = checksum(&self.staging.path().join(name));
            let entry = entry.map_err(ArtifactError::io("read back", self.path.join(name)))?;
            self.manifest.files.insert((*name).to_owned(), entry);
        }
        Ok(())
    }

    /// Where a file under a temporary name was to be, which is what a person knows: in the
    /// directory, and as the one of `names` that its own name begins with.
    fn in_place(&self, path: &str, names: &[&str]) -> PathBuf {
        let Ok(file) = Path::new(path).strip_prefix(self.staging.path()) else { return path.into() };
        let file = file.to_string_lossy();
        self.path
            .join(names.iter().filter(|name| file.starts_with(**name)).max_by_key(|name| name.len()).copied().unwrap_or(&file))
    }

    fn store(&self, name: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
        let path = self.staging.path().join(name);
        let failed = || ArtifactError::io("write", self.path.join(name));
        let mut file = File::create(&path).map_err(failed())?;
        file.write_all(bytes).map_err(failed())?;
        file.sync_all().map_err(failed())
    }

    /// Writes the manifest and gives the directory its name, in place of one that has it.
    ///
    /// # Errors
    /// If the disk is full or the rename fails; an existing directory is then unchanged.
    pub fn commit(mut self) -> Result<(), ArtifactError> {
        self.manifest.crc32 = self.manifest.list_checksum();
        let manifest = serde_json::to_vec_pretty(&self.manifest).map_err(std::io::Error::other);
        self.store(MANIFEST, &manifest.map_err(ArtifactError::io("write", self.path.join(MANIFEST)))?)?;
        sync_directory(self.staging.path())?;
        let parent = parent(&self.path);
        // The guard then removes what stood there before, or what could not be brought into its
        // place.
        if let Ok(earlier) = fs::metadata(&self.path)
            && earlier.is_dir()
        {
            // Best effort: a private directory stays private.
            let _ = fs::set_permissions(self.staging.path(), earlier.permissions());
        }
        match fs::symlink_metadata(&self.path) {
            Ok(_) if exchange(self.staging.path(), &self.path).is_ok() => {}
            Ok(_) => set_aside(&self.path, &parent, || self.put_in_place())?,
            Err(_) => self.put_in_place()?,
        }
        sync_directory(&parent)
    }

    fn put_in_place(&self) -> Result<(), ArtifactError> {
        fs::rename(self.staging.path(), &self.path).map_err(ArtifactError::io("rename", &self.path))
    }
}

/// Lets two directories change places in one step, where the file system can do that.
#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).map_err(Into::into)
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Moves a directory aside while `replace` brings another into its place, and back if that fails.
fn set_aside(path: &Path, parent: &Path, replace: impl FnOnce() -> Result<(), ArtifactError>) -> Result<(), ArtifactError> {
    let aside = Staging::new(parent).map_err(ArtifactError::io("write in", parent))?;
    let old = aside.path().join("old");
    fs::rename(path, &old).map_err(ArtifactError::io("replace", path))?;
    replace().inspect_err(|_| {
        // Best effort: the first error is the one that matters.
        let _ = fs::rename(&old, path);
    })
}

/// Whether something stands at `path` that no [`DirectoryWriter`] made, and that must not be
/// replaced.
fn is_foreign(path: &Path) -> bool {
    let is_empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    fs::symlink_metadata(path).is_ok() && !path.join(MANIFEST).is_file() && !is_empty()
}

/// A committed directory.
pub struct DirectoryReader {
    path: PathBuf,
    manifest: Manifest,
}

/// Opens a directory that [`DirectoryWriter`] wrote.
///
/// # Errors
/// If it has no manifest or is of another version.
pub fn open(path: &Path) -> Result<DirectoryReader, ArtifactError> {
    Ok(DirectoryReader { path: path.to_owned(), manifest: Manifest::read(path)? })
}

impl DirectoryReader {
    /// Reads one file, once [`DirectoryReader::verified`] has checked it.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, ArtifactError> {
        let path = self.verified(name)?;
        fs::read(&path).map_err(ArtifactError::io("read", &path))
    }

    /// The path of one file, once its size and checksum are found to be those of the manifest.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn verified(&self, name: &str) -> Result<PathBuf, ArtifactError> {
        let path = self.path.join(plain(name)?);
        let damaged = |message: String| ArtifactError::Damaged { path: path.clone(), message };
        let wanted = self.manifest.files.get(name).ok_or_else(|| damaged("not listed in the manifest".into()))?;
        let found = checksum(&path).map_err(ArtifactError::io("read", &path))?;
        if found.bytes != wanted.bytes {
            return Err(damaged(format!("expected {} bytes, found {}", wanted.bytes, found.bytes)));
        }
        if found.crc32 != wanted.crc32 {
            return Err(damaged("checksum differs from the manifest's".into()));
        }
        Ok(path)
    }

    /// The names of all files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.manifest.files.keys().map(String::as_str)
    }

    /// Whether the directory has a file of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.manifest.files.contains_key(name)
    }
}

/// `name`, if it stays within its directory.
fn plain(name: &str) -> Result<&str, ArtifactError> {
    let path = Path::new(name);
    let plain = path.file_name().is_some_and(|file| file == path.as_os_str()) && name != MANIFEST;
    if plain { Ok(name) } else { Err(ArtifactError::Name(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, content: &[u8]) {
        let mut writer = DirectoryWriter::new(path).unwrap();
        writer.write("data", content).unwrap();
        writer.commit().unwrap();
    }

    #[test]
    fn a_directory_comes_back_as_it_was_written() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("step-1");
        write(&path, b"old");
        write(&path, b"new");
        assert_eq!(open(&path).unwrap().read("data").unwrap(), b"new");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "no temporary name is left");
    }

    #[cfg(unix)]
    #[test]
    fn writers_beside_each_other_do_not_remove_each_others_directories() {
        let parent = tempfile::tempdir().unwrap();
        let mut first = DirectoryWriter::new(&parent.path().join("a")).unwrap();
        first.write("data", b"a").unwrap();
        write(&parent.path().join("b"), b"b");
        first.commit().unwrap();
        assert_eq!(open(&parent.path().join("a")).unwrap().read("data").unwrap(), b"a");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_private_directory_stays_private() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("model");
        write(&path, b"old");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        write(&path, b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn an_abandoned_writer_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        DirectoryWriter::new(&parent.path().join("step-1")).unwrap().write("data", b"half").unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_failed_write_by_path_is_reported_by_the_final_name() {
        let parent = tempfile::tempdir().unwrap();
        let mut writer = DirectoryWriter::new(&parent.path().join("step-1")).unwrap();
        let full = |path: PathBuf| Err(scaledown_sdk::Error::io(path, std::io::ErrorKind::StorageFull.into()));
        let error = writer.fill(&["data"], |directory| full(directory.join("data.partial"))).unwrap_err();
        let place = parent.path().join("step-1/data");
        assert_eq!(
            error.to_string(),
            format!("cannot write {}: the disk is full; free some space (no storage space)", place.display())
        );
        writer
            .fill(&["data"], |directory| {
                fs::write(directory.join("data"), b"whole").unwrap();
                Ok(())
            })
            .unwrap();
        writer.commit().unwrap();
        assert_eq!(open(&parent.path().join("step-1")).unwrap().read("data").unwrap(), b"whole");
    }

    #[test]
    fn what_others_made_is_not_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("model");
        fs::create_dir(&path).unwrap();
        DirectoryWriter::new(&path).unwrap();
        fs::write(path.join("theirs"), "x").unwrap();
        let error = DirectoryWriter::new(&path).err().unwrap().to_string();
        assert!(error.contains("model contains files that ScaleDown did not write"), "{error}");
        assert!(path.join("theirs").exists());
    }

    #[test]
    fn names_stay_in_the_directory() {
        let parent = tempfile::tempdir().unwrap();
        let mut writer = DirectoryWriter::new(&parent.path().join("d")).unwrap();
        for name in ["../x", "/x", "a/b", "..", "", MANIFEST] {
            assert!(matches!(writer.write(name, b""), Err(ArtifactError::Name(_))), "{name}");
        }
    }
}
