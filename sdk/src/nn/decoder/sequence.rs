//! Where the tokens of a batch stand: rotations and the positions that the attention mask follows from, made once per forward pass.

use crate::nn::rotary::{Rotary, Rotation};
use crate::tensor::{Device, Tensor};
use crate::{Error, Result};

/// What all layers of one forward pass share.
#[derive(Clone, Debug)]
pub struct Sequences {
    /// The rotary tables, `[1 | batch, seq, head_size / 2]`.
    pub rotation: Rotation,
    /// The positions of queries and keys that [`Op::Attention`](crate::Op::Attention) reads; `None` where the buffer's own order
    /// says all.
    pub positions: Option<(Tensor, Tensor)>,
}

impl Sequences {
    /// Whole sequences that are read from left to right, whose positions count the buffer from 0, padding included, as in `transformers`'
    /// forward pass.
    ///
    /// # Errors
    /// If `mask` has not `shape` (`[batch, seq]`).
    pub fn causal(mask: &[Vec<bool>], shape: [usize; 2], rotary: &Rotary, device: &Device) -> Result<Self> {
        check_mask(mask, shape)?;
        // Padding on the right comes after all real queries, which do not see it anyway.
        let harmless = mask.iter().all(|row| row.is_sorted_by(|a, b| a >= b));
        Sequences::buffer(mask, shape, harmless, rotary, device)
    }

    /// As [`Sequences::causal`], but of sequences in which every token sees those after it too.
    ///
    /// # Errors
    /// If `mask` has not `shape` (`[batch, seq]`).
    pub fn bidirectional(mask: &[Vec<bool>], shape: [usize; 2], rotary: &Rotary, device: &Device) -> Result<Self> {
        check_mask(mask, shape)?;
        Sequences::buffer(mask, shape, unpadded(mask), rotary, device)
    }

    /// Positions that count the buffer; padding needs none of its own where it is `harmless`.
    fn buffer(mask: &[Vec<bool>], shape: [usize; 2], harmless: bool, rotary: &Rotary, device: &Device) -> Result<Self> {
        let [_, len] = shape;
        let rotation = rotary.range(0, len)?;
        if harmless {
            return Ok(Sequences { rotation, positions: None });
        }
        let buffer: Vec<i64> = mask.iter().flat_map(|_| 0..len as i64).collect();
        let keys = mask.iter().flat_map(|row| row.iter().zip(0..).map(|(&real, at)| if real { at } else { -1 }));
        let keys: Vec<i64> = keys.collect();
        Ok(Sequences { rotation, positions: Some((device.from_slice(&buffer, shape)?, device.from_slice(&keys, shape)?)) })
    }

    /// Prompts whose positions count real tokens only, as `transformers` does in generation.
    ///
    /// # Errors
    /// If `mask` has not `shape` (`[batch, seq]`).
    pub(super) fn prompts(mask: &[Vec<bool>], shape: [usize; 2], rotary: &Rotary, device: &Device) -> Result<Self> {
        check_mask(mask, shape)?;
        if unpadded(mask) {
            return Ok(Sequences { rotation: rotary.range(0, shape[1])?, positions: None });
        }
        let positions = token_positions(mask);
        let rows: Vec<Vec<usize>> =
            positions.iter().map(|row| row.iter().map(|&position| usize::try_from(position).unwrap_or(0)).collect()).collect();
        let positions = device.from_slice(&positions.concat(), shape)?;
        Ok(Sequences { rotation: rotary.rows(&rows)?, positions: Some((positions.clone(), positions)) })
    }
}

/// The position of each token among the real ones of its sequence; -1 for padding.
pub(super) fn token_positions(mask: &[Vec<bool>]) -> Vec<Vec<i64>> {
    let row = |mask: &Vec<bool>| {
        let mut next = 0;
        let position = |&real: &bool| {
            next += i64::from(real);
            if real { next - 1 } else { -1 }
        };
        mask.iter().map(position).collect()
    };
    mask.iter().map(row).collect()
}

pub(super) fn unpadded(mask: &[Vec<bool>]) -> bool {
    mask.iter().flatten().all(|&real| real)
}

fn check_mask(mask: &[Vec<bool>], [batch, len]: [usize; 2]) -> Result<()> {
    if mask.len() != batch || mask.iter().any(|row| row.len() != len) {
        let lengths: Vec<usize> = mask.iter().map(Vec::len).collect();
        return Err(Error::Input(format!("the mask has rows of lengths {lengths:?}, expected {batch} of {len}")));
    }
    Ok(())
}
