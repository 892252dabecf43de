//! The embedding table.

use super::{Init, Param, Params};
use crate::Result;
use crate::tensor::Tensor;

/// A table of vectors, one for each token id. Its parameter is `weight [count, size]`.
#[derive(Debug)]
pub struct Embedding {
    weight: Param,
}

impl Embedding {
    /// The table at the path of `params`. A new one is standard normal: with smaller vectors a small model is slow to tell tokens apart.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(params: &Params, count: usize, size: usize) -> Result<Self> {
        Ok(Embedding { weight: params.get("weight", [count, size], Init::Normal(1.0))? })
    }

    /// The vectors of `ids [..]` (i64 or u32): `[.., size]`.
    ///
    /// # Errors
    /// If an id is not in the table.
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        self.weight.tensor().embedding(ids)
    }

    /// The table `[count, size]`.
    #[must_use]
    pub fn weight(&self) -> &Param {
        &self.weight
    }
}
