//! Writing vectors, a shard at a time.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};

use super::index::{ShardEntry, VectorsIndex};
use super::shard::{KEYS, VECTORS, VectorShard};
use super::{Key, VectorsError, VectorsOrigin};
use crate::support::artifact::write_file;

/// Writes the vectors of documents to a directory. What a shard holds stays if the work is stopped,
/// and is not computed again.
pub(crate) struct VectorWriter {
    directory: PathBuf,
    index: VectorsIndex,
    origin: VectorsOrigin,
    /// Documents of a shard.
    size: usize,
    known: HashSet<Key>,
    keys: Vec<u8>,
    vectors: Vec<u8>,
}

impl VectorWriter {
    /// Starts or continues a directory of vectors of `origin`, `size` documents a shard.
    ///
    /// # Errors
    /// If the directory holds the vectors of another compressor, or a file of it is damaged.
    pub(crate) fn open(directory: &Path, origin: VectorsOrigin, size: usize) -> Result<Self, VectorsError> {
        let index = match VectorsIndex::read(directory)? {
            Some(index) => {
                index.check(&origin, directory)?;
                index
            }
            None => VectorsIndex::new(origin.clone()),
        };
        let mut known = HashSet::new();
        for entry in &index.shards {
            known.extend(VectorShard::open(directory, entry, &origin)?.keys(true)?);
        }
        Ok(VectorWriter { directory: directory.to_owned(), index, origin, size, known, keys: Vec::new(), vectors: Vec::new() })
    }

    /// Whether the vectors of a document are here.
    pub(crate) fn contains(&self, key: Key) -> bool {
        self.known.contains(&key)
    }

    /// The number of documents that are here.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Adds a document with its vectors in bf16.
    ///
    /// # Errors
    /// If a shard is full and cannot be written.
    pub(crate) fn add(&mut self, key: Key, vectors: &[u8]) -> Result<(), VectorsError> {
        if !self.known.insert(key) {
            return Ok(());
        }
        self.keys.extend_from_slice(&key.to_le_bytes());
        self.vectors.extend_from_slice(vectors);
        if self.keys.len() / 16 >= self.size { self.finish() } else { Ok(()) }
    }

    /// Writes what is not yet written.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(crate) fn finish(&mut self) -> Result<(), VectorsError> {
        let documents = self.keys.len() / 16;
        if documents == 0 {
            return Ok(());
        }
        let file = format!("vectors-{:05}.safetensors", self.index.shards.len());
        let path = self.directory.join(&file);
        let failed = |error: safetensors::SafeTensorError| VectorsError::file(&path, error);
        let shape = vec![documents, self.origin.memory_tokens, self.origin.hidden];
        let keys = TensorView::new(Dtype::I64, vec![documents, 2], &self.keys).map_err(failed)?;
        let vectors = TensorView::new(Dtype::BF16, shape, &self.vectors).map_err(failed)?;
        let bytes = serialize([(KEYS, keys), (VECTORS, vectors)], None).map_err(failed)?;
        write_file(&path, &bytes)?;
        let crc32c = crc32c::crc32c(&bytes);
        self.index.shards.push(ShardEntry { file, documents, bytes: bytes.len() as u64, crc32c });
        self.index.write(&self.directory)?;
        self.keys.clear();
        self.vectors.clear();
        Ok(())
    }
}
