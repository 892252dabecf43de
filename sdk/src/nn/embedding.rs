//! The embedding table.

use super::{Init, Param, Params};
use crate::Result;
use crate::tensor::{DType, Tensor};

/// A table of vectors, one for each token id. Its parameter is `weight [count, size]`; a frozen one
/// may be [quantised](super::ParamOptions::quantization).
#[derive(Debug)]
pub struct Embedding {
    weight: Param,
    /// The type of the vectors.
    dtype: DType,
}

impl Embedding {
    /// The table at the path of `params`. A new one is standard normal: with smaller vectors a
    /// small model is slow to tell tokens apart.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(params: &Params, count: usize, size: usize) -> Result<Self> {
        Ok(Embedding { weight: params.table("weight", [count, size], Init::Normal(1.0))?, dtype: params.dtype() })
    }

    /// The vectors of `ids [..]` (i64 or u32): `[.., size]`.
    ///
    /// # Errors
    /// If an id is not in the table.
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        self.weight.tensor().embedding(ids)?.cast(self.dtype)
    }

    /// The table `[count, size]`.
    #[must_use]
    pub fn weight(&self) -> &Param {
        &self.weight
    }
}
