//! The weights of a model directory, in one file or in several.

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};

use super::SafetensorsFile;
use super::file::malformed;
use crate::nn::WeightSource;
use crate::tensor::{TensorData, TensorSpec};
use crate::{Error, Result};

/// The greatest size of an index in bytes.
const MAX_INDEX: u64 = 100_000_000;

/// All tensors of a model directory: `model.safetensors`, or the shards that
/// `model.safetensors.index.json` lists.
#[derive(Debug)]
pub struct DirectoryWeights {
    directory: PathBuf,
    shards: Vec<SafetensorsFile>,
    /// Which shard holds each tensor.
    owners: BTreeMap<String, usize>,
}

#[derive(serde::Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

impl DirectoryWeights {
    /// Opens the files of `directory` and reads their headers.
    ///
    /// # Errors
    /// [`Error::Weights`] if there are none, a file is malformed, or the index and the shards
    /// disagree; [`Error::Io`] if one cannot be read.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let (single, index) = (directory.join("model.safetensors"), directory.join("model.safetensors.index.json"));
        if single.exists() {
            let file = SafetensorsFile::open(single)?;
            let owners = file.names().into_iter().map(|name| (name, 0)).collect();
            Ok(DirectoryWeights { directory: directory.to_owned(), shards: vec![file], owners })
        } else if index.exists() {
            DirectoryWeights::sharded(directory, &index)
        } else {
            let expected = "expected model.safetensors or model.safetensors.index.json (pickled weights are never read)";
            Err(malformed(directory, &format!("no weights; {expected}")))
        }
    }

    fn sharded(directory: &Path, index: &Path) -> Result<Self> {
        let Index { weight_map } = read_index(index)?;
        let mut shards: Vec<SafetensorsFile> = Vec::new();
        let mut opened: BTreeMap<&str, usize> = BTreeMap::new();
        let mut owners = BTreeMap::new();
        let mut tensors: Vec<_> = weight_map.iter().collect();
        tensors.sort();
        for (name, file) in tensors {
            let shard = match opened.get(file.as_str()) {
                Some(&shard) => shard,
                None => {
                    shards.push(SafetensorsFile::open(shard_path(directory, index, file)?)?);
                    opened.insert(file, shards.len() - 1);
                    shards.len() - 1
                }
            };
            if shards[shard].spec(name).is_none() {
                return Err(malformed(index, &format!("{name} is not in {file}, where the index places it")));
            }
            owners.insert(name.clone(), shard);
        }
        Ok(DirectoryWeights { directory: directory.to_owned(), shards, owners })
    }

    fn owner(&self, name: &str) -> Option<&SafetensorsFile> {
        self.shards.get(*self.owners.get(name)?)
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.shards.iter().map(SafetensorsFile::path)
    }
}

impl WeightSource for DirectoryWeights {
    fn names(&self) -> Vec<String> {
        self.owners.keys().cloned().collect()
    }

    fn spec(&self, name: &str) -> Option<TensorSpec> {
        self.owner(name)?.spec(name)
    }

    fn location(&self) -> String {
        self.directory.display().to_string()
    }

    fn read(&self, name: &str) -> Result<TensorData> {
        match self.owner(name) {
            Some(shard) => shard.read(name),
            None => Err(malformed(&self.directory, &format!("no tensor {name}"))),
        }
    }
}

fn read_index(path: &Path) -> Result<Index> {
    let size = std::fs::metadata(path).map_err(|error| Error::io(path, error))?.len();
    if size > MAX_INDEX {
        return Err(malformed(path, &format!("{size} bytes, expected at most {MAX_INDEX}")));
    }
    let text = crate::files::read_bytes(path, crate::files::FileKind::Tokenizer).map_err(|error| Error::io(path, error))?;
    serde_json::from_slice(&text).map_err(|error| malformed(path, &format!("invalid index: {error}")))
}

/// The path of a shard, which must lie in the directory itself.
fn shard_path(directory: &Path, index: &Path, file: &str) -> Result<PathBuf> {
    let mut components = Path::new(file).components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(name)), None) => Ok(directory.join(name)),
        _ => Err(malformed(index, &format!("a shard is called {file:?}, expected the name of a file beside the index"))),
    }
}
