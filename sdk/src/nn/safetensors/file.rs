//! One safetensors file.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use safetensors::tensor::Metadata;

use super::from_stored;
use crate::nn::WeightSource;
use crate::tensor::{TensorData, TensorSpec};
use crate::{Error, Result};

/// The greatest size of a header in bytes; the format's own limit.
const MAX_HEADER: u64 = 100_000_000;

/// The tensors of one safetensors file, read one at a time.
#[derive(Debug)]
pub struct SafetensorsFile {
    path: PathBuf,
    file: Mutex<File>,
    tensors: BTreeMap<String, Entry>,
    metadata: HashMap<String, String>,
}

#[derive(Debug)]
struct Entry {
    spec: TensorSpec,
    /// From the beginning of the file.
    offset: u64,
}

impl SafetensorsFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Weights`] if it is malformed, or holds a tensor
    /// of a type that this crate has not.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let mut file = crate::files::open_regular(&path).map_err(|error| Error::io(&path, error))?;
        let length = file.metadata().map_err(|error| Error::io(&path, error))?.len();
        let (header, data) = read_header(&mut file, length, &path)?;
        let mut tensors = BTreeMap::new();
        for (name, info) in header.tensors() {
            let dtype = from_stored(info.dtype).ok_or_else(|| {
                let supported = "supported are F64, F32, BF16, F16, I64, U32 and BOOL";
                malformed(&path, &format!("tensor {name} has elements of type {}; {supported}", info.dtype))
            })?;
            let entry = Entry { spec: TensorSpec::new(dtype, &*info.shape), offset: data + info.data_offsets.0 as u64 };
            entry.spec.check().map_err(|error| malformed(&path, &format!("tensor {name}: {error}")))?;
            tensors.insert(name, entry);
        }
        let metadata = header.metadata().clone().unwrap_or_default();
        Ok(SafetensorsFile { path, file: Mutex::new(file), tensors, metadata })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The free text entries of the header (`__metadata__`).
    #[must_use]
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.metadata
    }
}

impl WeightSource for SafetensorsFile {
    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    fn spec(&self, name: &str) -> Option<TensorSpec> {
        self.tensors.get(name).map(|entry| entry.spec.clone())
    }

    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn read(&self, name: &str) -> Result<TensorData> {
        let entry = self.tensors.get(name).ok_or_else(|| malformed(&self.path, &format!("no tensor {name}")))?;
        // The length of the file was checked when it was opened, so this is no larger than the
        // file.
        let mut bytes = vec![0; entry.spec.bytes()];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(entry.offset)).map_err(|error| Error::io(&self.path, error))?;
        file.read_exact(&mut bytes).map_err(|error| Error::io(&self.path, error))?;
        TensorData::new(entry.spec.clone(), bytes)
    }
}

/// The checked header of a file of `length` bytes, and where its data begin.
fn read_header(file: &mut File, length: u64, path: &Path) -> Result<(Metadata, u64)> {
    let mut prefix = [0; 8];
    if length < prefix.len() as u64 {
        return Err(malformed(path, &format!("{length} bytes, expected at least the 8 of the header's length")));
    }
    file.read_exact(&mut prefix).map_err(|error| Error::io(path, error))?;
    let size = u64::from_le_bytes(prefix);
    if size > MAX_HEADER {
        return Err(malformed(path, &format!("the header claims {size} bytes, expected at most {MAX_HEADER}")));
    }
    let data = size + prefix.len() as u64;
    if data > length {
        return Err(malformed(path, &format!("the header claims {size} bytes, but the file has {length}")));
    }
    let mut text = vec![0; size as usize];
    file.read_exact(&mut text).map_err(|error| Error::io(path, error))?;
    let header: Metadata = serde_json::from_slice(&text).map_err(|error| malformed(path, &format!("invalid header: {error}")))?;
    let needed = data.checked_add(header.data_len() as u64);
    if let Some(more) = needed.and_then(|needed| length.checked_sub(needed)).filter(|&more| more > 0) {
        return Err(malformed(path, &format!("{length} bytes, {more} more than its tensors need; the file may be damaged")));
    }
    if needed != Some(length) {
        let needed = needed.map_or_else(|| "more than can be".to_owned(), |needed| needed.to_string());
        return Err(malformed(path, &format!("{length} bytes, but its tensors need {needed}; the file may be truncated")));
    }
    Ok((header, data))
}

pub(super) fn malformed(path: &Path, problem: &str) -> Error {
    Error::Weights(format!("{}: {problem}", path.display()))
}
