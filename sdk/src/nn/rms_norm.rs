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
    /// Whether the weight is stored less 1.
    centred: bool,
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
        Ok(RmsNorm { weight: params.get("weight", [size], init)?, eps, centred: false })
    }

    /// As [`RmsNorm::with_init`], with a weight that is stored less 1 (Gemma's); `init` is that of
    /// what is stored.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn centred(params: &Params, size: usize, eps: f64, init: Init) -> Result<Self> {
        Ok(RmsNorm { centred: true, ..RmsNorm::with_init(params, size, eps, init)? })
    }

    /// `[.., size] -> [.., size]`.
    ///
    /// # Errors
    /// If the input is of another size.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if !self.centred {
            return x.rms_norm(&self.weight.tensor(), self.eps);
        }
        // In the accumulator type: added to 1, a short weight would lose digits.
        let wide = x.dtype().accumulator();
        let weight = self.weight.tensor().cast(wide)?.affine(1.0, 1.0)?;
        x.cast(wide)?.rms_norm(&weight, self.eps)?.cast(x.dtype())
    }

    /// The sum `x + residual` and its normalisation, in one instruction unless the weight is stored
    /// less 1.
    ///
    /// # Errors
    /// If the inputs do not fit.
    pub fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<(Tensor, Tensor)> {
        if !self.centred {
            return x.add_rms_norm(residual, &self.weight.tensor(), self.eps);
        }
        let sum = x.add(residual)?;
        let normed = self.forward(&sum)?;
        Ok((sum, normed))
    }
}
