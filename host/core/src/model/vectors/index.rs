//! `index.json`: the shards of a directory.

use std::io::ErrorKind;
use std::path::Path;

use scaledown_sdk::files::{FileKind, read_bytes};

use super::{VectorsError, VectorsOrigin};
use crate::support::artifact::write_file;

const FILE: &str = "index.json";
const VERSION: u32 = 1;

/// What a directory of vectors holds.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct VectorsIndex {
    version: u32,
    origin: VectorsOrigin,
    pub(super) shards: Vec<ShardEntry>,
}

/// One shard.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct ShardEntry {
    pub(super) file: String,
    pub(super) documents: usize,
    pub(super) bytes: u64,
    pub(super) crc32c: u32,
}

impl VectorsIndex {
    pub(super) fn new(origin: VectorsOrigin) -> Self {
        VectorsIndex { version: VERSION, origin, shards: Vec::new() }
    }

    /// The index of a directory; `None` if there is none.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, VectorsError> {
        let path = directory.join(FILE);
        let bytes = match read_bytes(&path, FileKind::Manifest) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(VectorsError::file(&path, error)),
        };
        let index: VectorsIndex = serde_json::from_slice(&bytes).map_err(|error| VectorsError::file(&path, error))?;
        if index.version != VERSION {
            let message = format!("it is of layout version {}, this program reads version {VERSION}", index.version);
            return Err(VectorsError::file(&path, message));
        }
        // A file's name leads nowhere else.
        let plain = |entry: &ShardEntry| Path::new(&entry.file).file_name().is_some_and(|name| name == entry.file.as_str());
        match index.shards.iter().find(|entry| !plain(entry)) {
            Some(entry) => Err(VectorsError::file(&path, format!("{:?} is not a plain file name", entry.file))),
            None => Ok(Some(index)),
        }
    }

    /// Checks whose vectors they are.
    pub(super) fn check(&self, origin: &VectorsOrigin, directory: &Path) -> Result<(), VectorsError> {
        let mismatch = |message: String| Err(VectorsError::Origin { path: directory.to_owned(), message });
        let (own, wanted) = (&self.origin, origin);
        if (own.memory_tokens, own.hidden) != (wanted.memory_tokens, wanted.hidden) {
            let (found, expected) = (own.memory_tokens, wanted.memory_tokens);
            return mismatch(format!(
                "{found} vectors of {} numbers a document, expected {expected} of {}",
                own.hidden, wanted.hidden
            ));
        }
        match own.compressor == wanted.compressor {
            true => Ok(()),
            false => mismatch("its weights differ".into()),
        }
    }

    /// Writes the index.
    pub(super) fn write(&self, directory: &Path) -> Result<(), VectorsError> {
        let path = directory.join(FILE);
        let text = serde_json::to_vec_pretty(self).map_err(|error| VectorsError::file(&path, error))?;
        Ok(write_file(&path, &text)?)
    }
}
