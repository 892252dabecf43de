//! Where stored weights come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::tensor::{TensorData, TensorSpec};
use crate::{Error, Result};

/// Named tensors that can be read one at a time: the files of a checkpoint.
pub trait WeightSource: Send + Sync {
    /// All names, in any order.
    fn names(&self) -> Vec<String>;

    /// Element type and shape of `name`, if there is such a tensor.
    fn spec(&self, name: &str) -> Option<TensorSpec>;

    /// The file or directory that the tensors are in, for messages; empty where they are in memory.
    fn location(&self) -> String {
        String::new()
    }

    /// Reads one tensor.
    ///
    /// # Errors
    /// If there is no such tensor or it cannot be read; the error names the file.
    fn read(&self, name: &str) -> Result<TensorData>;
}

/// Weights in host memory.
impl WeightSource for BTreeMap<String, TensorData> {
    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }

    fn spec(&self, name: &str) -> Option<TensorSpec> {
        self.get(name).map(|data| data.spec().clone())
    }

    fn read(&self, name: &str) -> Result<TensorData> {
        self.get(name).cloned().ok_or_else(|| Error::Weights(format!("no tensor {name}")))
    }
}

/// Several sources as one. Where more than one holds a tensor, the first of them counts.
pub struct MergedWeights(pub Vec<Arc<dyn WeightSource>>);

impl MergedWeights {
    fn owner(&self, name: &str) -> Option<&Arc<dyn WeightSource>> {
        self.0.iter().find(|source| source.spec(name).is_some())
    }
}

impl WeightSource for MergedWeights {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.iter().flat_map(|source| source.names()).collect();
        names.sort();
        names.dedup();
        names
    }

    fn spec(&self, name: &str) -> Option<TensorSpec> {
        self.owner(name)?.spec(name)
    }

    fn location(&self) -> String {
        let locations = self.0.iter().map(|source| source.location()).filter(|location| !location.is_empty());
        locations.collect::<Vec<_>>().join(" and ")
    }

    fn read(&self, name: &str) -> Result<TensorData> {
        match self.owner(name) {
            Some(source) => source.read(name),
            None => Err(Error::Weights(format!("no tensor {name}"))),
        }
    }
}
