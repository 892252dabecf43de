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
        /// The least probability that the tokens to choose from have together, in `(0, 1]`; 1 for all tokens.
        top_p: f64,
        /// Decides the choices, together with the row and the step.
        seed: u64,
    },
}

/// What separates the random streams of neighbouring rows.
const ROW: u64 = 0xD1B5_4A32_D192_ED03;

impl Sampling {
    /// The same way of choosing for rows of which `row` others come before: row `i` then chooses as row `row + i` does here.
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

    /// The next token of each row of logits `[batch, vocabulary]`, at `step` of a decoding: ids `[batch]` of i64 on the device. A row's choice
    /// depends on no other row.
    ///
    /// # Errors
    /// If the settings are out of range, a row is not finite, or the device fails.
    pub fn choose(&self, logits: &Tensor, step: usize) -> Result<Tensor> {
        self.check()?;
        match *self {
            Sampling::Greedy => logits.arg_max(),
            Sampling::TopP { temperature, top_p, seed } => {
                let width = logits.shape().last().max(1);
                let values = logits.cast(DType::F32)?.to_vec::<f32>()?;
                let rows = values.chunks_exact(width).zip(0_u64..);
                let ids = rows.map(|(row, index)| {
                    let uniform = f64::from(uniform_bits(row_seed(seed, index), step as u64)) / f64::from(1 << 24);
                    nucleus(row, temperature, top_p, uniform).map(i64::from)
                });
                let ids = ids.collect::<Result<Vec<_>>>()?;
                logits.device().from_slice(&ids, [ids.len()])
            }
        }
    }
}

fn row_seed(seed: u64, row: u64) -> u64 {
    seed.wrapping_add(row.wrapping_mul(ROW))
}

/// The token at quantile `uniform` of the nucleus' distribution, tokens ordered by falling probability and, on ties, by id.
fn nucleus(logits: &[f32], temperature: f64, top_p: f64, uniform: f64) -> Result<u32> {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if !greatest.is_finite() || logits.iter().any(|logit| logit.is_nan()) {
        return Err(Error::Input("the logits of the next token are not finite".into()));
    }
    let weight = |logit: f32| (f64::from(logit - greatest) / temperature).exp();
    let mut tokens: Vec<(u32, f64)> = (0..).zip(logits.iter().map(|&logit| weight(logit))).collect();
    tokens.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
    let total: f64 = tokens.iter().map(|(_, weight)| weight).sum();
    let mut covered = 0.0;
    let size = tokens.iter().position(|(_, weight)| {
        covered += weight;
        covered >= top_p * total
    });
    tokens.truncate(size.map_or(tokens.len(), |last| last + 1));
    let mut rest = uniform * tokens.iter().map(|(_, weight)| weight).sum::<f64>();
    let chosen = tokens.iter().find(|(_, weight)| {
        rest -= weight;
        rest < 0.0
    });
    // Rounding can leave a remainder past the last token.
    let chosen = chosen.or(tokens.last());
    chosen.map(|&(token, _)| token).ok_or_else(|| Error::Input("there are no logits to choose from".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nucleus_is_the_fewest_tokens_that_reach_top_p() {
        // Probabilities 0.5, 0.3, 0.2 in another order.
        let logits = [0.3_f32.ln(), 0.5_f32.ln(), 0.2_f32.ln()];
        assert_eq!(nucleus(&logits, 1.0, 0.5, 0.999).unwrap(), 1);
        assert_eq!(nucleus(&logits, 1.0, 0.6, 0.624).unwrap(), 1);
        assert_eq!(nucleus(&logits, 1.0, 0.6, 0.626).unwrap(), 0);
        assert_eq!(nucleus(&logits, 1.0, 1.0, 0.81).unwrap(), 2);
    }

    #[test]
    fn a_low_temperature_is_greedy() {
        assert_eq!(nucleus(&[1.0, 1.2, 1.1], 1e-3, 1.0, 0.9999).unwrap(), 1);
    }

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
    fn logits_that_are_not_finite_are_refused() {
        assert!(nucleus(&[1.0, f32::NAN], 1.0, 0.9, 0.1).is_err());
        assert!(nucleus(&[f32::NEG_INFINITY; 2], 1.0, 0.9, 0.1).is_err());
        assert_eq!(nucleus(&[f32::NEG_INFINITY, 0.0], 1.0, 1.0, 0.999).unwrap(), 1);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let error = Sampling::TopP { temperature: 0.0, top_p: 0.9, seed: 0 }.check().unwrap_err();
        assert!(error.to_string().contains("temperature"), "{error}");
        let error = Sampling::TopP { temperature: 1.0, top_p: 1.5, seed: 0 }.check().unwrap_err();
        assert!(error.to_string().contains("top_p"), "{error}");
    }
}
