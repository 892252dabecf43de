//! How a document's weight is stored: in eight bits, or as an f16.

use crate::error::{Error, Result};
use half::f16;
use serde::{Deserialize, Serialize};

/// Storage of document weights. Chosen when an index is created, and the same in all of it, so that
/// a weight is stored the same way whatever is beside it: appending and compaction change no score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StoredWeights {
    /// One byte: three bits of exponent and five of fraction, below `ceiling`. From `ceiling / 128`
    /// up the relative error is at most 1/64; below, steps are `ceiling / 4096` wide, and the
    /// smallest of them takes all that is smaller.
    Eight {
        /// A power of two from 1/16 to 65536 that every weight stays below. A larger weight is
        /// refused.
        ceiling: f32,
    },
    /// Two bytes: an f16 between 2^-14 and 65504, with a relative error of at most 1/2048.
    Half,
}

/// Eight bits below 8: what log(1 + relu) of a language model's logits stays below.
impl Default for StoredWeights {
    fn default() -> Self {
        Self::Eight { ceiling: 8.0 }
    }
}

impl StoredWeights {
    /// The weight that is stored for `weight`: what scores are computed from. None if `weight` is
    /// not finite, not above zero, or too large to be stored.
    pub fn stored(self, weight: f32) -> Option<f32> {
        self.encode(weight).map(|code| self.decode(code))
    }

    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Eight { ceiling } if !(0.0625..=65536.0).contains(&ceiling) || ceiling.log2().fract() != 0.0 => {
                Err(Error::Setting {
                    key: "ceiling",
                    value: ceiling.to_string(),
                    expected: "a power of two from 0.0625 to 65536",
                })
            }
            _ => Ok(()),
        }
    }

    /// Bytes that a stored weight takes.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Eight { .. } => 1,
            Self::Half => 2,
        }
    }

    /// Writes codes as they are stored.
    pub(crate) fn write(self, codes: impl IntoIterator<Item = u16>, out: &mut Vec<u8>) {
        match self {
            Self::Eight { .. } => out.extend(codes.into_iter().map(|code| code as u8)),
            Self::Half => out.extend(codes.into_iter().flat_map(u16::to_le_bytes)),
        }
    }

    /// The largest value that can be stored.
    pub(crate) fn largest(self) -> f32 {
        match self {
            Self::Eight { .. } => self.decode(255),
            Self::Half => f16::MAX.to_f32(),
        }
    }

    /// The factor of the f16 whose bits are a code of eight bits, shifted left by five: `2^-7` is
    /// the first value above the largest.
    pub(crate) fn scale(self) -> f32 {
        match self {
            Self::Eight { ceiling } => ceiling * 128.0,
            Self::Half => 1.0,
        }
    }

    pub(crate) fn encode(self, weight: f32) -> Option<u16> {
        if !weight.is_finite() || weight <= 0.0 {
            return None;
        }
        match self {
            Self::Eight { ceiling } => {
                if weight >= ceiling {
                    return None;
                }
                // Rounds to the nearest value with five bits of fraction (an even code on a tie),
                // as an f16 is rounded to ten.
                let bits = f32::from(f16::MIN_POSITIVE).max(weight / self.scale()).to_bits();
                let normal = (bits + 0x1_ffff + ((bits >> 18) & 1)) >> 18;
                let code = if weight / self.scale() < f32::from(f16::MIN_POSITIVE) {
                    (weight / self.scale() / (f32::from(f16::MIN_POSITIVE) / 32.0)).round_ties_even() as u32
                } else {
                    normal - ((127 - 15) << 5)
                };
                Some(code.clamp(1, 255) as u16)
            }
            Self::Half => {
                let half = f16::from_f32(weight.max(f32::from(f16::MIN_POSITIVE)));
                half.is_finite().then(|| half.to_bits())
            }
        }
    }

    pub(crate) fn decode(self, code: u16) -> f32 {
        match self {
            Self::Eight { .. } => f16::from_bits((code & 255) << 5).to_f32() * self.scale(),
            Self::Half => half_value(code),
        }
    }
}

/// The value of an f16 that is positive and normal, as all stored ones are; some finite number for
/// any other bits.
#[inline(always)]
pub(crate) fn half_value(code: u16) -> f32 {
    f32::from_bits((u32::from(code & 0x7fff) << 13) + (112 << 23))
}

/// How far stored weights are from the original ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantisation {
    /// Weights that were stored.
    pub weights: u64,
    /// The largest of `|stored - original| / original`.
    pub max_relative_error: f64,
    /// The mean of `|stored - original| / original`.
    pub mean_relative_error: f64,
}

impl Quantisation {
    pub(crate) fn record(&mut self, original: f32, stored: f32) {
        let error = f64::from((stored - original).abs()) / f64::from(original);
        self.weights += 1;
        self.max_relative_error = self.max_relative_error.max(error);
        self.mean_relative_error += (error - self.mean_relative_error) / self.weights as f64;
    }

    pub(crate) fn join(self, other: Self) -> Self {
        let weights = self.weights + other.weights;
        let sum = self.mean_relative_error * self.weights as f64 + other.mean_relative_error * other.weights as f64;
        Self {
            weights,
            max_relative_error: self.max_relative_error.max(other.max_relative_error),
            mean_relative_error: if weights == 0 { 0.0 } else { sum / weights as f64 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_stored_as_itself() {
        let eight = StoredWeights::Eight { ceiling: 4.0 };
        for code in 1..=255 {
            assert_eq!(eight.encode(eight.decode(code)), Some(code));
        }
        assert!((1..255).all(|code| eight.decode(code) < eight.decode(code + 1)));
        for code in 0x0400..0x7c00 {
            assert_eq!(StoredWeights::Half.encode(StoredWeights::Half.decode(code)), Some(code));
        }
    }

    #[test]
    fn the_nearest_code_is_taken() {
        let eight = StoredWeights::Eight { ceiling: 8.0 };
        for step in 1..7900 {
            let weight = step as f32 * 0.001;
            let nearest = (1..=255).map(|code| (eight.decode(code) - weight).abs()).fold(f32::MAX, f32::min);
            assert_eq!((eight.stored(weight).unwrap() - weight).abs(), nearest, "{weight}");
            assert!(weight < 8.0 / 128.0 || nearest <= weight / 64.0);
        }
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        for weight in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e6] {
            assert_eq!(StoredWeights::default().stored(weight), None);
            assert_eq!(StoredWeights::Half.stored(weight), None);
        }
        assert_eq!(StoredWeights::default().stored(1e-30), Some(8.0 / 4096.0));
        assert!(StoredWeights::Eight { ceiling: 3.0 }.check().is_err());
        assert!(StoredWeights::Eight { ceiling: f32::NAN }.check().is_err());
    }
}
