//! Whether an index was verified as it lies on disk: a stamp beside its files spares the next
//! opening from reading all of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use super::place::IndexPlace;

/// The stamp's file in the directory of a build.
const NAME: &str = "verified.json";
/// The version of the stamp.
const VERSION: u32 = 1;

/// The metadata of a build's files when all checksums were verified.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stamp {
    version: u32,
    files: BTreeMap<String, Look>,
}

/// A file's metadata, which changes with its content.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Look {
    bytes: u64,
    /// Nanoseconds after 1970 of the last change of the content.
    modified: Option<u64>,
    /// The same of the file's description, which cannot be set.
    changed: Option<i64>,
    /// The file's number.
    inode: Option<u64>,
}

impl Stamp {
    /// The current metadata of a build's files; `None` if that cannot be seen.
    pub(super) fn of(place: &IndexPlace) -> Option<Self> {
        Some(Stamp { version: VERSION, files: looks(&place.directory())? })
    }

    /// Whether the files of a build were verified as they are now.
    pub(super) fn is_on(&self, place: &IndexPlace) -> bool {
        let written = std::fs::read(place.directory().join(NAME)).ok();
        written.and_then(|bytes| serde_json::from_slice::<Stamp>(&bytes).ok()).is_some_and(|written| written == *self)
    }

    /// Notes that they were verified. Where that cannot be written, on a read-only disk or in
    /// another user's directory, the next opening verifies them again.
    pub(super) fn put(&self, place: &IndexPlace) {
        if let Ok(bytes) = serde_json::to_vec(self)
            && let Err(error) = crate::support::artifact::write_file(&place.directory().join(NAME), &bytes)
        {
            tracing::debug!("{error}; the index will be verified again when it is next opened");
        }
    }
}

/// The looks of all files under a directory but for the stamp, locks and temporary files.
fn looks(directory: &Path) -> Option<BTreeMap<String, Look>> {
    let mut files = BTreeMap::new();
    for entry in WalkDir::new(directory) {
        let entry = entry.ok()?;
        let name = entry.path().strip_prefix(directory).ok()?.to_string_lossy().into_owned();
        let is_temporary = entry.file_name().to_string_lossy().starts_with(".writing-");
        if !entry.file_type().is_dir() && name != NAME && !name.ends_with(".lock") && !is_temporary {
            files.insert(name, look_of(&entry.metadata().ok()?));
        }
    }
    Some(files)
}

fn look_of(metadata: &std::fs::Metadata) -> Look {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let modified = modified.and_then(|time| u64::try_from(time.as_nanos()).ok());
    #[cfg(unix)]
    let (changed, inode) = {
        use std::os::unix::fs::MetadataExt;
        let changed = metadata.ctime().checked_mul(1_000_000_000).and_then(|seconds| seconds.checked_add(metadata.ctime_nsec()));
        (changed, Some(metadata.ino()))
    };
    #[cfg(not(unix))]
    let (changed, inode) = (None, None);
    Look { bytes: metadata.len(), modified, changed, inode }
}
