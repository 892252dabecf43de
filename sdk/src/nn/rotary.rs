//! Rotary position embedding (Su et al. 2021, arXiv 2104.09864): the tables of cosines and sines.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Result;
use crate::tensor::{DType, Device, Tensor};

/// How the frequencies of a rotary embedding are stretched for contexts longer than those of
/// pretraining.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All positions are divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Llama 3's: only wavelengths that are long against the original context are stretched.
    Llama3 {
        /// The factor on long wavelengths.
        factor: f64,
        /// Wavelengths above `original_context / low_freq_factor` are long.
        low_freq_factor: f64,
        /// Wavelengths below `original_context / high_freq_factor` stay; between the two,
        /// frequencies are interpolated.
        high_freq_factor: f64,
        /// The context length of pretraining (`original_max_position_embeddings`).
        original_context: f64,
    },
    /// LongRoPE's within the original context: each frequency is divided by a factor of its own.
    Long {
        /// The factors, one for each frequency.
        factors: Arc<[f64]>,
        /// What cosines and sines are multiplied by.
        magnitude: f64,
        /// The context length of pretraining; beyond it, other factors would count.
        original_context: f64,
    },
}

/// The rotary embedding of heads of one size. Tables are computed on the host in f32, as PyTorch
/// does, once for all positions that have been asked for.
#[derive(Debug)]
pub struct Rotary {
    frequencies: Vec<f32>,
    /// What cosines and sines are multiplied by.
    magnitude: f32,
    device: Device,
    dtype: DType,
    tables: Mutex<Option<Tables>>,
}

/// Cosine and sine `[.., head_size / 2]` of the rotation at each position.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The cosines.
    pub cos: Tensor,
    /// The sines.
    pub sin: Tensor,
}

#[derive(Clone, Debug)]
struct Tables {
    positions: usize,
    rotation: Rotation,
}

impl Rotary {
    /// The embedding of heads of `head_size` elements, for activations of type `dtype`.
    #[must_use]
    pub fn new(head_size: usize, theta: f64, scaling: RopeScaling, device: &Device, dtype: DType) -> Self {
        let frequencies = (0..head_size / 2).map(|i| {
            let exponent = (2 * i) as f32 / head_size as f32;
            scale(1.0 / (theta as f32).powf(exponent), i, &scaling)
        });
        Rotary {
            magnitude: if let RopeScaling::Long { magnitude, .. } = &scaling { *magnitude as f32 } else { 1.0 },
            frequencies: frequencies.collect(),
            device: device.clone(),
            dtype: dtype.accumulator(),
            tables: Mutex::default(),
        }
    }

    /// The device that the tables are on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The rotation of `len` consecutive positions from `start`, the same for each sequence:
    /// `[1, len, head_size / 2]`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn range(&self, start: usize, len: usize) -> Result<Rotation> {
        let Rotation { cos, sin } = self.table(start + len)?;
        let part = |table: &Tensor| table.slice(0, start, len)?.reshape([1, len, self.frequencies.len()]);
        Ok(Rotation { cos: part(&cos)?, sin: part(&sin)? })
    }

    /// The rotation of each position of a batch of sequences of one length:
    /// `[batch, len, head_size / 2]`.
    ///
    /// # Errors
    /// If the rows differ in length, or the device fails.
    pub fn rows(&self, positions: &[Vec<usize>]) -> Result<Rotation> {
        let len = positions.first().map_or(0, Vec::len);
        let last = positions.iter().flatten().max().copied().unwrap_or(0);
        let ids: Vec<i64> = positions.iter().flatten().map(|&position| position as i64).collect();
        let ids = self.device.from_slice(&ids, [positions.len(), len])?;
        let Rotation { cos, sin } = self.table(last + 1)?;
        Ok(Rotation { cos: cos.embedding(&ids)?, sin: sin.embedding(&ids)? })
    }

    /// The table of at least `positions` positions: `[.., head_size / 2]`.
    pub(super) fn table(&self, positions: usize) -> Result<Rotation> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tables) = tables.as_ref().filter(|tables| tables.positions >= positions) {
            return Ok(tables.rotation.clone());
        }
        // Grows in powers of two, so that decoding computes a new table only a few times.
        let positions = positions.next_power_of_two().max(256);
        let angles: Vec<f32> = (0..positions).flat_map(|p| self.frequencies.iter().map(move |f| p as f32 * f)).collect();
        let upload = |function: fn(f32) -> f32| {
            let values: Vec<f32> = angles.iter().map(|&angle| function(angle) * self.magnitude).collect();
            self.device.from_slice(&values, [positions, self.frequencies.len()])?.cast(self.dtype)
        };
        let rotation = Rotation { cos: upload(f32::cos)?, sin: upload(f32::sin)? };
        *tables = Some(Tables { positions, rotation: rotation.clone() });
        Ok(rotation)
    }
}

/// The stretched `frequency`, which is number `index`.
fn scale(frequency: f32, index: usize, scaling: &RopeScaling) -> f32 {
    match *scaling {
        RopeScaling::None => frequency,
        RopeScaling::Linear { factor } => frequency / factor as f32,
        RopeScaling::Long { ref factors, .. } => frequency / factors.get(index).map_or(1.0, |&factor| factor as f32),
        RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
            let wavelength = f64::from(2.0 * std::f32::consts::PI / frequency);
            let stretched = frequency / factor as f32;
            if wavelength > original_context / low_freq_factor {
                stretched
            } else if wavelength < original_context / high_freq_factor {
                frequency
            } else {
                let smooth = (original_context / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
                (1.0 - smooth as f32) * stretched + smooth as f32 * frequency
            }
        }
    }
}
