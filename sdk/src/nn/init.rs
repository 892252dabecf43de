//! Initial values of new parameters.

use crate::tensor::{Device, Tensor, TensorSpec, uniform_bits};
use crate::{Error, Result};

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
        spec.check()?;
        let count = spec.shape.count();
        let mut values: Vec<f32> = Vec::new();
        let mut fill = |value: &dyn Fn(u64) -> f64| match values.try_reserve_exact(count) {
            Ok(()) => {
                values.extend((0..count as u64).map(|i| value(i) as f32));
                Ok(())
            }
            Err(_) => Err(Error::Data(format!("a tensor {spec} does not fit the memory"))),
        };
        match self {
            Init::Constant(value) => return device.full(spec.dtype, spec.shape, value),
            Init::Normal(std) => fill(&|i| normal(seed, i) * std),
            Init::Uniform(bound) => fill(&|i| (2.0 * unit(seed, i) - 1.0) * bound),
        }?;
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
