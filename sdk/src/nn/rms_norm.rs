//! Root-mean-square normalisation.

use super::{Init, Param, Params};
use crate::Result;
use crate::tensor::Tensor;

/// Root-mean-square normalisation (Zhang and Sennrich 2019, arXiv 1910.07467). Its parameter is
/// `weight [size]`.
#[derive(Debug)]
pub struct RmsNorm {
    weight: Param,
    eps: f64,
}

impl RmsNorm {
    /// The layer at the path of `params`; a new weight is 1.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(params: &Params, size: usize, eps: f64) -> Result<Self> {
        RmsNorm::with_init(params, size, eps, Init::ONES)
    }

    /// As [`RmsNorm::new`], with another initial value of a new weight.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn with_init(params: &Params, size: usize, eps: f64, init: Init) -> Result<Self> {
        Ok(RmsNorm { weight: params.get("weight", [size], init)?, eps })
    }

    /// `[.., size] -> [.., size]`.
    ///
    /// # Errors
    /// If the input is of another size.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.rms_norm(&self.weight.tensor(), self.eps)
    }

    /// The sum `x + residual` and its normalisation, in one instruction.
    ///
    /// # Errors
    /// If the inputs do not fit.
    pub fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<(Tensor, Tensor)> {
        x.add_rms_norm(residual, &self.weight.tensor(), self.eps)
    }
}
