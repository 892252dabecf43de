//! Reading of fixture files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};
use scaledown_sdk::{DType, Device, Tensor, TensorData, TensorSpec};

/// The path of a fixture, a file or directory below `tests/parity/fixtures`.
#[must_use]
pub fn directory(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "parity", "fixtures", name].iter().collect()
}

/// The tensors of one fixture file, or those of one of its cases.
pub struct Fixture {
    name: String,
    tensors: BTreeMap<String, TensorData>,
}

impl Fixture {
    /// Reads a file of tensors.
    ///
    /// # Panics
    /// If the file cannot be read; it is part of the repository.
    #[must_use]
    pub fn read(name: &str) -> Self {
        let path = directory(name);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = SafeTensors::deserialize(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tensor = |view: safetensors::tensor::TensorView<'_>| {
            let spec = TensorSpec::new(dtype(view.dtype()), view.shape());
            TensorData::new(spec, view.data().to_vec()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let tensors = file.tensors().into_iter().map(|(name, view)| (name, tensor(view))).collect();
        Fixture { name: name.to_owned(), tensors }
    }

    /// The tensors whose name starts with `prefix`, without it.
    #[must_use]
    pub fn under(&self, prefix: &str) -> Self {
        let named = |(name, tensor): (&String, &TensorData)| Some((name.strip_prefix(prefix)?.to_owned(), tensor.clone()));
        Fixture { name: format!("{}: {prefix}", self.name), tensors: self.tensors.iter().filter_map(named).collect() }
    }

    /// One tensor, if there is such a one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&TensorData> {
        self.tensors.get(name)
    }

    /// One tensor.
    ///
    /// # Panics
    /// If there is no such tensor.
    #[must_use]
    pub fn get(&self, name: &str) -> &TensorData {
        self.find(name).unwrap_or_else(|| panic!("{}: no tensor {name}", self.name))
    }

    /// One tensor on a device.
    ///
    /// # Panics
    /// If there is no such tensor.
    #[must_use]
    pub fn upload(&self, name: &str, device: &Device) -> Tensor {
        device.upload(self.get(name)).unwrap_or_else(|error| panic!("{}: {name}: {error}", self.name))
    }

    /// The integers of one tensor.
    ///
    /// # Panics
    /// If there is no such tensor of i64.
    #[must_use]
    pub fn integers(&self, name: &str) -> Vec<i64> {
        self.get(name).to_vec().unwrap_or_else(|error| panic!("{}: {name}: {error}", self.name))
    }

    /// The rows of a matrix of integers.
    ///
    /// # Panics
    /// If there is no such tensor of i64.
    #[must_use]
    pub fn rows(&self, name: &str) -> Vec<Vec<i64>> {
        let columns = self.get(name).spec().shape.last();
        self.integers(name).chunks(columns).map(<[i64]>::to_vec).collect()
    }

    /// All tensors in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TensorData)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

fn dtype(stored: Dtype) -> DType {
    match stored {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::BF16 => DType::BF16,
        Dtype::F16 => DType::F16,
        Dtype::I64 => DType::I64,
        Dtype::U32 => DType::U32,
        Dtype::BOOL => DType::Bool,
        other => panic!("fixtures hold no {other:?}"),
    }
}
