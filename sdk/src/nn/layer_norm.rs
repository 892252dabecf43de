//! Layer normalisation.

use super::{Init, Param, Params};
use crate::Result;
use crate::tensor::Tensor;

/// Layer normalisation of the last dimension (Ba et al. 2016, arXiv 1607.06450).
///
/// Parameters under its path: `weight [size]`, `bias [size]`.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Param,
    bias: Option<Param>,
    eps: f64,
}

impl LayerNorm {
    /// The layer at the path of `params`. A new weight is 1, a new bias 0.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(params: &Params, size: usize, bias: bool, eps: f64) -> Result<Self> {
        let weight = params.get("weight", [size], Init::ONES)?;
        let bias = if bias { Some(params.get("bias", [size], Init::ZEROS)?) } else { None };
        Ok(LayerNorm { weight, bias, eps })
    }

    /// `[.., size] -> [.., size]`.
    ///
    /// # Errors
    /// If the input does not fit, or the device fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let bias = self.bias.as_ref().map(Param::tensor);
        x.layer_norm(&self.weight.tensor(), bias.as_ref(), self.eps)
    }

    /// The sum `x + residual` and its normalisation, in one instruction.
    ///
    /// # Errors
    /// If the inputs do not fit, or the device fails.
    pub fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<(Tensor, Tensor)> {
        let bias = self.bias.as_ref().map(Param::tensor);
        x.add_layer_norm(residual, &self.weight.tensor(), bias.as_ref(), self.eps)
    }
}
