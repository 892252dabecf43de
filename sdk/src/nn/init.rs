//! Initial values of new parameters.

use crate::Result;
use crate::tensor::{Device, Tensor, TensorSpec, uniform_bits};

/// How a new parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Every element is this value.
    Constant(f64),
    /// Normally distributed around 0 with this standard deviation.
    Normal(f64),
    /// Uniformly distributed in `(-bound, bound)`.
    Uniform(f64),
}

impl Init {
    /// All zeros.
    pub const ZEROS: Init = Init::Constant(0.0);
    /// All ones.
    pub const ONES: Init = Init::Constant(1.0);

    /// A tensor of these values; the same for the same seed on every device.
    ///
    /// # Errors
    /// If the tensor is too large for the device.
    pub fn tensor(self, spec: TensorSpec, seed: u64, device: &Device) -> Result<Tensor> {
        let count = spec.shape.count();
        let values: Vec<f32> = match self {
            Init::Constant(value) => return device.full(spec.dtype, spec.shape, value),
            Init::Normal(std) => (0..count as u64).map(|i| (normal(seed, i) * std) as f32).collect(),
            Init::Uniform(bound) => (0..count as u64).map(|i| ((2.0 * unit(seed, i) - 1.0) * bound) as f32).collect(),
        };
        device.from_slice(&values, spec.shape)?.cast(spec.dtype)
    }
}

/// A number in `(0, 1)`.
fn unit(seed: u64, index: u64) -> f64 {
    (f64::from(uniform_bits(seed, index)) + 0.5) / f64::from(1 << 24)
}

/// A standard normal number, by the Box-Muller transform.
fn normal(seed: u64, index: u64) -> f64 {
    let (radius, angle) = (unit(seed, 2 * index), unit(seed, 2 * index + 1));
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
