//! Which files make an index, written last and all at once. A directory holds an index from the
//! moment its MANIFEST has its name.

use crate::error::{Error, Result};
use crate::layout::FORMAT;
use crate::storage::{UNFINISHED, Unfinished, sync_directory};
use crate::weights::{Quantisation, StoredWeights};
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::path::Path;

pub(crate) const NAME: &str = "MANIFEST";
const LOCK: &str = "LOCK";
const KIND: &str = "scaledown-sparse-index";

/// A line of JSON, and a line with its CRC32C.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    kind: String,
    format: u32,
    /// Counts the changes; new files are named after it.
    pub generation: u64,
    pub weights: StoredWeights,
    /// The maximum documents of a window.
    pub window: u32,
    pub segments: Vec<SegmentFile>,
}

/// A segment and its deletions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SegmentFile {
    pub file: String,
    pub bytes: u64,
    pub documents: u32,
    pub postings: u64,
    pub quantisation: Quantisation,
    pub deletions: Option<DeletionsFile>,
}

/// A set of deleted documents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeletionsFile {
    pub file: String,
    pub deleted: u32,
    pub checksum: u32,
}

impl Manifest {
    pub(crate) fn new(weights: StoredWeights, window: u32) -> Self {
        Self { kind: KIND.into(), format: FORMAT, generation: 0, weights, window, segments: Vec::new() }
    }

    /// Reads the manifest of an index.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(NAME);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::Missing { path: directory.to_owned() });
            }
            read => read.map_err(Error::io("read", &path))?,
        };
        let mut lines = text.split(|&byte| byte == b'\n');
        let body = lines.next().unwrap_or_default();
        let checksum = format!("crc32c {:08x}", crc32c::crc32c(body));
        if lines.next() != Some(checksum.as_bytes()) || !lines.eq([b"".as_slice()]) {
            let known = body.windows(KIND.len()).any(|part| part == KIND.as_bytes());
            return Err(if known {
                Error::damaged(&path, "checksum mismatch")
            } else {
                Error::Foreign { path, what: format!("it does not name {KIND}") }
            });
        }
        let header: Header = serde_json::from_slice(body).map_err(|error| Error::damaged(&path, error.to_string()))?;
        if header.kind != KIND {
            return Err(Error::Foreign { path, what: format!("it is of kind {:?}, not {KIND:?}", header.kind) });
        }
        if header.format != FORMAT {
            return Err(Error::Version { path, found: header.format, expected: FORMAT });
        }
        serde_json::from_slice(body).map_err(|error| Error::damaged(&path, error.to_string()))
    }

    /// Replaces the manifest of the directory by this one, and removes the files that it does not
    /// name.
    pub(crate) fn publish(&self, directory: &Path) -> Result<()> {
        let path = directory.join(NAME);
        let body = serde_json::to_string(self).map_err(|error| Error::io("write", &path)(error.into()))?;
        let mut out = Unfinished::create(directory, NAME)?;
        out.write(format!("{body}\ncrc32c {:08x}\n", crc32c::crc32c(body.as_bytes())).as_bytes())?;
        sync_directory(directory)?;
        out.publish()?;
        sync_directory(directory)?;
        self.tidy(directory);
        Ok(())
    }

    /// Removes what a killed writer or an earlier generation left. A leftover file only costs
    /// space, so failure is ignored.
    pub(crate) fn tidy(&self, directory: &Path) {
        let deletions = self.segments.iter().filter_map(|segment| segment.deletions.as_ref()).map(|deletions| &deletions.file);
        let named: Vec<&String> = self.segments.iter().map(|segment| &segment.file).chain(deletions).collect();
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let ours = name.starts_with("segment-") || name.starts_with("deletions-") || name.starts_with(UNFINISHED);
            if ours && !named.contains(&&name) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

#[derive(Deserialize)]
struct Header {
    kind: String,
    format: u32,
}

/// Keeps other writers out for as long as it lives. Readers need no lock: opened files do not
/// change.
pub(crate) fn lock(directory: &Path) -> Result<File> {
    let path = directory.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(Error::io("write", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
    }
}
