//! Reading only some of the final hidden states.

use super::Sequences;
use crate::nn::rotary::Rotary;
use crate::tensor::Tensor;
use crate::{Error, Result};

/// The places of a batch whose final hidden states are wanted.
///
/// The last layer's keys and values are needed everywhere, since all places attend to all; its queries, output projection and MLP, most of
/// its arithmetic, only where the result is read. A compressor reads a few memory tokens of a whole document.
#[derive(Clone, Debug)]
pub struct Readout {
    /// The wanted places among all `batch * seq` positions, i64 `[batch, n]`.
    rows: Tensor,
    /// Where the wanted places stand in their sequences, and where the keys do.
    pub(crate) queries: Sequences,
}

impl Readout {
    /// The `places` of each sequence, in its buffer: as many of each. `sequences` are the positions of the batch with this `mask` (`batch` rows
    /// of `seq`), which count the buffer, as [`Sequences::causal`] and [`Sequences::bidirectional`] do.
    ///
    /// # Errors
    /// [`Error::Input`] if there are not as many places for each sequence, or one lies outside; or if the device fails.
    pub fn new(places: &[Vec<usize>], mask: &[Vec<bool>], sequences: &Sequences, rotary: &Rotary) -> Result<Self> {
        Readout::with_positions(places, places, mask, sequences, rotary)
    }

    /// The last place of each prompt, whose positions count real tokens alone, as [`Sequences::prompts`] does.
    pub(super) fn last(mask: &[Vec<bool>], sequences: &Sequences, rotary: &Rotary) -> Result<Self> {
        let row = |count: usize| vec![count.saturating_sub(1)];
        let places: Vec<_> = mask.iter().map(|mask| row(mask.len())).collect();
        let positions: Vec<_> = mask.iter().map(|mask| row(mask.iter().filter(|&&real| real).count())).collect();
        Readout::with_positions(&places, &positions, mask, sequences, rotary)
    }

    fn with_positions(
        places: &[Vec<usize>],
        positions: &[Vec<usize>],
        mask: &[Vec<bool>],
        sequences: &Sequences,
        rotary: &Rotary,
    ) -> Result<Self> {
        let (batch, len) = (mask.len(), mask.first().map_or(0, Vec::len));
        let wanted = places.first().map_or(0, Vec::len);
        if places.len() != batch || places.iter().any(|row| row.len() != wanted || row.iter().any(|&place| place >= len)) {
            let message = format!("the places to read are {places:?}, expected as many below {len} in each of {batch} rows");
            return Err(Error::Input(message));
        }
        let device = rotary.device();
        let integers = |rows: &[Vec<usize>]| rows.iter().flatten().map(|&at| at as i64).collect::<Vec<_>>();
        let rows: Vec<Vec<usize>> =
            places.iter().enumerate().map(|(i, row)| row.iter().map(|at| i * len + at).collect()).collect();
        let keys = match &sequences.positions {
            Some((_, keys)) => keys.clone(),
            None => device.from_slice(&(0..batch).flat_map(|_| 0..len as i64).collect::<Vec<_>>(), [batch, len])?,
        };
        let own = device.from_slice(&integers(positions), [batch, wanted])?;
        Ok(Readout {
            rows: device.from_slice(&integers(&rows), [batch, wanted])?,
            queries: Sequences { rotation: rotary.rows(positions)?, positions: Some((own, keys)) },
        })
    }

    /// The wanted rows of `x [batch, seq, d]`: `[batch, n, d]`.
    ///
    /// # Errors
    /// If `x` is of another batch.
    pub fn gather(&self, x: &Tensor) -> Result<Tensor> {
        x.reshape([x.shape().rows(), x.shape().last()])?.embedding(&self.rows)
    }
}
