//! The map from a compressor's space to the generator's.

use super::{ForwardMode, Init, Linear, Params};
use crate::Result;
use crate::error::ResultExt;
use crate::tensor::Tensor;

/// A linear layer, ReLU, and another linear layer.
///
/// Parameters under its path, named as in PyTorch's `Sequential`: `0.weight [inner, inputs]`,
/// `0.bias`, `2.weight [outputs, inner]`, `2.bias`.
#[derive(Debug)]
pub struct Projection {
    first: Linear,
    second: Linear,
}

impl Projection {
    /// The map at the path of `params`.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(params: &Params, inputs: usize, inner: usize, outputs: usize) -> Result<Self> {
        let linear = |name: usize, inputs: usize, outputs: usize| {
            // The variance of PyTorch's linear layers.
            let init = Init::Uniform(1.0 / (inputs as f64).sqrt());
            Linear::with_init(&params.pp(name), inputs, outputs, true, init)
        };
        Ok(Projection { first: linear(0, inputs, inner)?, second: linear(2, inner, outputs)? })
    }

    /// `[.., inputs] -> [.., outputs]`.
    ///
    /// # Errors
    /// If the input does not fit, or the device fails.
    pub fn forward(&self, x: &Tensor, forward: &mut ForwardMode) -> Result<Tensor> {
        let inner = self.first.forward(x, forward).at("0")?.relu()?;
        self.second.forward(&inner, forward).at("2")
    }
}
