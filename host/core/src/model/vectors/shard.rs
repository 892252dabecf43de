//! One file of vectors, of which single documents are read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use scaledown_sdk::files::open_regular;

use super::index::ShardEntry;
use super::{Key, VectorsError, VectorsOrigin};

pub(super) const KEYS: &str = "keys";
pub(super) const VECTORS: &str = "vectors";
/// Bytes of a key.
const KEY: usize = 16;
/// The greatest size of a header, which names two tensors.
const MAX_HEADER: u64 = 1 << 16;

/// A shard, whose checksum is compared when it is first read from.
pub(super) struct VectorShard {
    path: PathBuf,
    file: Mutex<Opened>,
    documents: usize,
    /// Bytes of a document's vectors.
    size: usize,
    keys_at: u64,
    vectors_at: u64,
    crc32c: u32,
}

struct Opened {
    file: File,
    verified: bool,
}

impl VectorShard {
    pub(super) fn open(directory: &Path, entry: &ShardEntry, origin: &VectorsOrigin) -> Result<Self, VectorsError> {
        let path = directory.join(&entry.file);
        let failed = |message: String| VectorsError::file(&path, message);
        let mut file = open_regular(&path).map_err(|error| failed(error.to_string()))?;
        let length = file.metadata().map_err(|error| failed(error.to_string()))?.len();
        if length != entry.bytes {
            return Err(failed(format!("it has {length} bytes, expected {}; is it cut short?", entry.bytes)));
        }
        let (start, header) = header(&mut file, length).map_err(&failed)?;
        let place = |name: &str, dtype: Dtype, shape: &[usize]| {
            let info = header.info(name).filter(|info| info.dtype == dtype && &*info.shape == shape);
            info.map(|info| start + info.data_offsets.0 as u64)
                .ok_or_else(|| failed(format!("it has no {name} of shape {shape:?}")))
        };
        let (count, memory, hidden) = (entry.documents, origin.memory_tokens, origin.hidden);
        Ok(VectorShard {
            keys_at: place(KEYS, Dtype::I64, &[count, 2])?,
            vectors_at: place(VECTORS, Dtype::BF16, &[count, memory, hidden])?,
            path: path.clone(),
            file: Mutex::new(Opened { file, verified: false }),
            documents: count,
            size: 2 * memory * hidden,
            crc32c: entry.crc32c,
        })
    }

    /// The keys of the documents, in their order. Unless they are to be verified, the checksum is
    /// compared when the first vectors are read: a wrong key finds no document.
    pub(super) fn keys(&self, verify: bool) -> Result<Vec<Key>, VectorsError> {
        let bytes = self.bytes(self.keys_at, self.documents * KEY, verify)?;
        let key = |bytes: &[u8]| bytes.try_into().map(Key::from_le_bytes).unwrap_or_default();
        Ok(bytes.chunks_exact(KEY).map(key).collect())
    }

    /// The vectors of one document.
    pub(super) fn row(&self, row: usize) -> Result<Vec<u8>, VectorsError> {
        self.bytes(self.vectors_at + (row * self.size) as u64, self.size, true)
    }

    fn bytes(&self, at: u64, count: usize, verify: bool) -> Result<Vec<u8>, VectorsError> {
        let mut opened = self.file.lock();
        let failed = |error: std::io::Error| VectorsError::file(&self.path, error);
        if verify && !opened.verified {
            let found = checksum(&mut opened.file).map_err(failed)?;
            if found != self.crc32c {
                return Err(VectorsError::file(
                    &self.path,
                    "its checksum differs from that in index.json; remove the directory, and run `scaledown compress` again",
                ));
            }
            opened.verified = true;
        }
        let mut bytes = vec![0; count];
        opened.file.seek(SeekFrom::Start(at)).and_then(|_| opened.file.read_exact(&mut bytes)).map_err(failed)?;
        Ok(bytes)
    }
}

/// Where the tensors' bytes begin in a file of `length` bytes, and what its header says of them.
fn header(file: &mut File, length: u64) -> Result<(u64, Metadata), String> {
    let mut size = [0; 8];
    file.read_exact(&mut size).map_err(|error| error.to_string())?;
    let size = u64::from_le_bytes(size);
    if size > MAX_HEADER || size + 8 > length {
        return Err(format!("its header claims {size} bytes, expected at most {}", MAX_HEADER.min(length)));
    }
    let mut text = vec![0; size as usize];
    file.read_exact(&mut text).map_err(|error| error.to_string())?;
    let header: Metadata = serde_json::from_slice(&text).map_err(|error| format!("bad header: {error}"))?;
    match size + 8 + header.data_len() as u64 == length {
        true => Ok((size + 8, header)),
        false => Err("its tensors are not as long as the file".into()),
    }
}

/// The checksum of a whole file.
fn checksum(file: &mut File) -> std::io::Result<u32> {
    file.seek(SeekFrom::Start(0))?;
    let (mut sum, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(sum),
            count => sum = crc32c::crc32c_append(sum, &buffer[..count]),
        }
    }
}
