//! Choosing the next token.

use crate::tensor::{DType, Tensor, uniform_bits};
use crate::{Error, Result};

/// How the next token is chosen from its logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", tag = "method", deny_unknown_fields)]
pub enum Sampling {
    /// The most probable token.
    #[default]
    Greedy,
    /// A random one of the most probable tokens (Holtzman et al. 2020, arXiv 1904.09751).
    TopP {
        /// Logits are divided by this first; above 0.
        temperature: f64,
        /// The least probability that the tokens to choose from have together, in `(0, 1]`; 1 for
        /// all tokens.
        top_p: f64,
        /// Decides the choices, together with the row and the step.
        seed: u64,
    },
}

/// Separates the random streams of neighbouring rows.
const ROW: u64 = 0xD1B5_4A32_D192_ED03;

impl Sampling {
    /// The same way of choosing for rows of which `row` others come before: row `i` then chooses as
    /// row `row + i` does here.
    #[must_use]
    pub fn from_row(self, row: usize) -> Self {
        match self {
            Sampling::Greedy => Sampling::Greedy,
            Sampling::TopP { temperature, top_p, seed } => {
                Sampling::TopP { temperature, top_p, seed: row_seed(seed, row as u64) }
            }
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Config`] that names the key out of range.
    pub fn check(&self) -> Result<()> {
        match *self {
            Sampling::TopP { temperature, .. } if !(temperature > 0.0 && temperature.is_finite()) => {
                Err(Error::Config(format!("`temperature` is {temperature}, expected a number greater than 0")))
            }
            Sampling::TopP { top_p, .. } if !(top_p > 0.0 && top_p <= 1.0) => {
                Err(Error::Config(format!("`top_p` is {top_p}, expected a number above 0 and up to 1")))
            }
            _ => Ok(()),
        }
    }

    /// The next token of each row of logits `[batch, vocabulary]`, at `step` of a decoding: ids
    /// `[batch]` of i64 on the device. A row's choice depends on no other row.
    ///
    /// # Errors
    /// If the settings are out of range, or the device fails. A row that is not finite has id -1
    /// where tokens are drawn.
    pub fn choose(&self, logits: &Tensor, step: usize) -> Result<Tensor> {
        self.check()?;
        match *self {
            Sampling::Greedy => logits.arg_max(),
            Sampling::TopP { temperature, top_p, seed } => {
                let draw = |row: usize| uniform_bits(row_seed(seed, row as u64), step as u64) as f32 / (1 << 24) as f32;
                let draws: Vec<f32> = (0..logits.shape().rows()).map(draw).collect();
                let draws = logits.device().from_slice(&draws, [draws.len(), 1])?;
                nucleus(logits, temperature, top_p, &draws)
            }
        }
    }
}

fn row_seed(seed: u64, row: u64) -> u64 {
    seed.wrapping_add(row.wrapping_mul(ROW))
}

/// The token of each row at quantile `draws [batch, 1]` of its nucleus' distribution, tokens
/// ordered by falling probability and, on ties, by id; -1 where the logits are not finite.
/// Everything stays on the device.
fn nucleus(logits: &Tensor, temperature: f64, top_p: f64, draws: &Tensor) -> Result<Tensor> {
    let logits = logits.cast(DType::F32)?;
    let &[batch, width] = logits.dims() else {
        return Err(Error::Input(format!("the logits to choose from are {}, expected [batch, vocabulary]", logits.spec())));
    };
    let (device, number) = (logits.device(), |value: f64| logits.device().full(DType::F32, [], value));
    let greatest = logits.max([1], true)?;
    let (weights, ids) = logits.sub(&greatest)?.affine(temperature.recip().min(f64::from(f32::MAX)), 0.0)?.exp()?.top_k(width)?;
    let before = sums_before(&weights)?;
    let kept = before.lt(&weights.sum([1], true)?.affine(top_p, 0.0)?)?;
    let weights = kept.select(&weights, &number(0.0)?)?;
    let target = weights.sum([1], true)?.mul(draws)?;
    let passed = before.add(&weights)?.le(&target)?.cast(DType::F32)?.sum([1], false)?;
    // Rounding can leave a remainder past the last token.
    let last = kept.cast(DType::F32)?.sum([1], false)?.affine(1.0, -1.0)?;
    let place = passed.minimum(&last)?.maximum(&number(0.0)?)?.cast(DType::I64)?;
    let starts = device.arange(0, batch)?.mul(&device.full(DType::I64, [], width as f64)?)?;
    // Ids are exact in f32, up to 16 million of them.
    let chosen = ids.cast(DType::F32)?.reshape([batch * width, 1])?.embedding(&place.add(&starts)?)?;
    let chosen = chosen.reshape([batch])?.cast(DType::I64)?;
    let finite = greatest.reshape([batch])?.abs()?.lt(&number(f64::INFINITY)?)?;
    finite.select(&chosen, &device.full(DType::I64, [], -1.0)?)
}

/// The sum of what stands before each element of a row `[batch, n]`: within blocks and over blocks,
/// each a product with a triangle of ones.
fn sums_before(x: &Tensor) -> Result<Tensor> {
    const BLOCK: usize = 64;
    let (device, batch, width) = (x.device(), x.shape().rows(), x.shape().last());
    let blocks = width.div_ceil(BLOCK);
    let triangle = |n: usize| {
        let at = device.arange(0, n)?;
        at.reshape([n, 1])?.lt(&at.reshape([1, n])?)?.cast(DType::F32)
    };
    let padding = device.zeros(DType::F32, [batch, blocks * BLOCK - width])?;
    let x = Tensor::concat(&[x, &padding], 1)?.reshape([batch, blocks, BLOCK])?;
    let within = x.matmul(&triangle(BLOCK)?)?;
    let over = x.sum([2], false)?.matmul(&triangle(blocks)?)?.reshape([batch, blocks, 1])?;
    within.add(&over)?.reshape([batch, blocks * BLOCK])?.slice(1, 0, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_follow_others_choose_as_they_would_beside_them() {
        let drawn = Sampling::TopP { temperature: 1.0, top_p: 1.0, seed: u64::MAX - 3 };
        for (first, row) in [(0, 5), (2, 3), (5, 0)] {
            assert_eq!(drawn.from_row(first).from_row(row), drawn.from_row(5));
        }
        assert_ne!(drawn.from_row(1), drawn);
        assert_eq!(Sampling::Greedy.from_row(7), Sampling::Greedy);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let error = Sampling::TopP { temperature: 0.0, top_p: 0.9, seed: 0 }.check().unwrap_err();
        assert!(error.to_string().contains("temperature"), "{error}");
        let error = Sampling::TopP { temperature: 1.0, top_p: 1.5, seed: 0 }.check().unwrap_err();
        assert!(error.to_string().contains("top_p"), "{error}");
    }
}
