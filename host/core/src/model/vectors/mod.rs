//! Documents' vectors on the disk, computed once by a compressor that does not read the question.
//!
//! A directory holds shards, safetensors files of some thousand documents with their vectors in
//! bf16, and `index.json`, which lists them with their sizes and checksums. A document is found by
//! a hash of the tokens that the compressor reads of it, so that records, retrieved chunks and a
//! user's own documents find their vectors whatever they are called and in any order.

mod error;
mod index;
mod shard;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub use error::VectorsError;
use index::VectorsIndex;
use shard::VectorShard;
pub(crate) use writer::VectorWriter;

/// What a document's vectors are found by.
pub(crate) type Key = u128;

/// The key of a document of which the compressor reads these tokens.
pub(crate) fn key(ids: &[u32]) -> Key {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    ids.iter().for_each(|id| hasher.update(id.to_le_bytes()));
    let hash: [u8; 32] = hasher.finalize().into();
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    Key::from_le_bytes(first)
}

/// The vectors of a directory, for reading.
pub(crate) struct VectorStore {
    directory: PathBuf,
    shards: Vec<VectorShard>,
    /// The shard and the row of each document.
    places: HashMap<Key, (usize, usize)>,
}

impl VectorStore {
    /// Opens a directory whose vectors the compressor `origin` has made.
    ///
    /// # Errors
    /// If there is no such directory, a file is missing or damaged, or the vectors are another
    /// compressor's.
    pub(crate) fn open(directory: &Path, origin: &VectorsOrigin) -> Result<Self, VectorsError> {
        let index = VectorsIndex::read(directory)?.ok_or_else(|| VectorsError::Missing(directory.to_owned()))?;
        index.check(origin, directory)?;
        let (mut shards, mut places) = (Vec::new(), HashMap::new());
        for entry in &index.shards {
            let shard = VectorShard::open(directory, entry, origin)?;
            places.extend(shard.keys(false)?.into_iter().enumerate().map(|(row, key)| (key, (shards.len(), row))));
            shards.push(shard);
        }
        Ok(VectorStore { directory: directory.to_owned(), shards, places })
    }

    /// The number of documents.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The vectors of a document, `[memory_tokens, hidden]` in bf16; `None` if they are not here.
    ///
    /// # Errors
    /// If the shard is damaged or cannot be read.
    pub(crate) fn read(&self, key: Key) -> Result<Option<Vec<u8>>, VectorsError> {
        let Some(&(shard, row)) = self.places.get(&key) else { return Ok(None) };
        self.shards.get(shard).map(|shard| shard.row(row)).transpose()
    }
}

/// Which compressor vectors are from, and their shape.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct VectorsOrigin {
    /// A checksum of the compressor's weights.
    pub(crate) compressor: u32,
    /// The vectors of a document.
    pub(crate) memory_tokens: usize,
    /// The size of a vector.
    pub(crate) hidden: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> VectorsOrigin {
        VectorsOrigin { compressor: 7, memory_tokens: 2, hidden: 3 }
    }

    /// Vectors that differ from document to document.
    fn vectors(seed: u8) -> Vec<u8> {
        (0..12).map(|at| seed.wrapping_mul(31).wrapping_add(at)).collect()
    }

    #[test]
    fn vectors_come_back_in_any_order_and_work_goes_on_where_it_stopped() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("vectors");
        let mut writer = VectorWriter::open(&directory, origin(), 2).unwrap();
        for seed in 0..5 {
            writer.add(key(&[u32::from(seed)]), &vectors(seed)).unwrap();
        }
        // Two shards of two documents are written; the fifth document is lost with a kill.
        drop(writer);
        let mut writer = VectorWriter::open(&directory, origin(), 2).unwrap();
        assert!(writer.contains(key(&[3])) && !writer.contains(key(&[4])));
        writer.add(key(&[4]), &vectors(4)).unwrap();
        writer.finish().unwrap();
        let store = VectorStore::open(&directory, &origin()).unwrap();
        assert_eq!(store.len(), 5);
        for seed in [4, 0, 3, 1, 2] {
            assert_eq!(store.read(key(&[u32::from(seed)])).unwrap().unwrap(), vectors(seed));
        }
        assert_eq!(store.read(key(&[9])).unwrap(), None);
    }

    #[test]
    fn vectors_of_another_compressor_and_damage_are_reported() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("vectors");
        let missing = VectorStore::open(&directory, &origin()).err().unwrap().to_string();
        assert!(missing.contains("scaledown compress"), "{missing}");
        let mut writer = VectorWriter::open(&directory, origin(), 8).unwrap();
        writer.add(key(&[1]), &vectors(1)).unwrap();
        writer.finish().unwrap();
        let other = VectorStore::open(&directory, &VectorsOrigin { compressor: 8, ..origin() }).err().unwrap().to_string();
        assert!(other.contains("another compressor"), "{other}");
        let file = directory.join("vectors-00000.safetensors");
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let store = VectorStore::open(&directory, &origin()).unwrap();
        let damaged = store.read(key(&[1])).unwrap_err().to_string();
        assert!(damaged.contains("checksum"), "{damaged}");
        let damaged = VectorWriter::open(&directory, origin(), 8).err().unwrap().to_string();
        assert!(damaged.contains("checksum"), "nothing is added to a damaged one: {damaged}");
        std::fs::write(&file, &bytes[..20]).unwrap();
        let cut = VectorStore::open(&directory, &origin()).err().unwrap().to_string();
        assert!(cut.contains("bytes"), "{cut}");
    }
}
