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
    /// What the vectors are multiplied by.
    scale: f64,
}

impl Embedding {
    /// The table at the path of `params`. A new one is standard normal: with smaller vectors a
    /// small model is slow to tell tokens apart.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(params: &Params, count: usize, size: usize) -> Result<Self> {
        Ok(Embedding { weight: params.table("weight", [count, size], Init::Normal(1.0))?, dtype: params.dtype(), scale: 1.0 })
    }

    /// The same table, whose vectors are multiplied by `scale` as they are read, rounded to their
    /// type as `transformers` rounds it.
    #[must_use]
    pub fn scaled(self, scale: f64) -> Self {
        let scale = if self.dtype == DType::BF16 { half::bf16::from_f64(scale).to_f64() } else { scale };
        Embedding { scale, ..self }
    }

    /// What the vectors are multiplied by.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The vectors of `ids [..]` (i64 or u32): `[.., size]`.
    ///
    /// # Errors
    /// If an id is not in the table.
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let vectors = self.weight.tensor().embedding(ids)?.cast(self.dtype)?;
        if self.scale == 1.0 { Ok(vectors) } else { vectors.affine(self.scale, 0.0) }
    }

    /// The table `[count, size]`.
    #[must_use]
    pub fn weight(&self) -> &Param {
        &self.weight
    }
}
