//! The manifest of a directory: its files, with their sizes and checksums.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use scaledown_sdk::files::{FileKind, open_regular, read_bytes};
use serde::{Deserialize, Serialize};

use super::ArtifactError;

/// The manifest's file in the directory.
pub(super) const MANIFEST: &str = "manifest.json";
/// Version 1 had no checksum of the manifest itself.
const VERSION: u32 = 2;

/// The manifest of a directory's files.
#[derive(Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    /// Of the list of files: see [`Manifest::list_checksum`].
    #[serde(default)]
    pub(super) crc32: u32,
    pub(super) files: BTreeMap<String, ManifestEntry>,
}

impl Manifest {
    /// The CRC-32 of the names, sizes and checksums of all files, in the order of their names.
    pub(super) fn list_checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        for (name, ManifestEntry { bytes, crc32 }) in &self.files {
            hasher.update(format!("{name}\0{bytes} {crc32}\n").as_bytes());
        }
        hasher.finalize()
    }

    /// One of no files.
    pub(super) fn new() -> Self {
        Manifest { version: VERSION, crc32: 0, files: BTreeMap::new() }
    }

    /// The manifest of the directory `path`.
    ///
    /// # Errors
    /// If there is none, it is damaged, or of another version.
    pub(super) fn read(path: &Path) -> Result<Self, ArtifactError> {
        let manifest_path = path.join(MANIFEST);
        let bytes = read_bytes(&manifest_path, FileKind::Manifest).map_err(ArtifactError::io("read", &manifest_path))?;
        let damaged = |message: String| ArtifactError::Damaged { path: manifest_path.clone(), message };
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let found = value["version"].as_u64().and_then(|version| u32::try_from(version).ok());
        let found = found.ok_or_else(|| damaged("no version".into()))?;
        if found == 0 || found > VERSION {
            return Err(ArtifactError::Version { path: path.to_owned(), found, known: VERSION });
        }
        let manifest: Manifest = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        if found > 1 && manifest.crc32 != manifest.list_checksum() {
            return Err(damaged("its list of files does not match its checksum".into()));
        }
        Ok(manifest)
    }
}

/// A file of a directory.
#[derive(Serialize, Deserialize)]
pub(super) struct ManifestEntry {
    pub(super) bytes: u64,
    pub(super) crc32: u32,
}

/// The size and checksum of a file.
pub(super) fn checksum(path: &Path) -> std::io::Result<ManifestEntry> {
    let (mut file, mut hasher, mut bytes) = (open_regular(path)?, crc32fast::Hasher::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(ManifestEntry { bytes, crc32: hasher.finalize() }),
            count => {
                hasher.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{DirectoryWriter, open};
    use super::*;

    fn write(path: &Path, content: &[u8]) {
        let mut writer = DirectoryWriter::new(path).unwrap();
        writer.write("data", content).unwrap();
        writer.commit().unwrap();
    }

    #[test]
    fn damage_is_found() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("step-1");
        write(&path, b"content");
        for content in [b"cont".as_slice(), b"contenT", b"content and more"] {
            fs::write(path.join("data"), content).unwrap();
            assert!(matches!(open(&path).unwrap().read("data"), Err(ArtifactError::Damaged { .. })));
        }
        let manifest = fs::read_to_string(path.join(MANIFEST)).unwrap();
        fs::write(path.join(MANIFEST), manifest.replace("data", "date")).unwrap();
        assert!(matches!(open(&path), Err(ArtifactError::Damaged { .. })));
        fs::write(path.join(MANIFEST), br#"{"version": 9, "files": {}}"#).unwrap();
        assert!(matches!(open(&path), Err(ArtifactError::Version { found: 9, .. })));
    }

    #[test]
    fn a_manifest_of_version_1_is_read() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("step-1");
        write(&path, b"content");
        let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(path.join(MANIFEST)).unwrap()).unwrap();
        manifest["version"] = 1.into();
        manifest.as_object_mut().unwrap().remove("crc32").unwrap();
        fs::write(path.join(MANIFEST), manifest.to_string()).unwrap();
        assert_eq!(open(&path).unwrap().read("data").unwrap(), b"content");
    }
}
