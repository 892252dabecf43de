//! Reading only some of the final hidden states.

use super::PositionInfo;
use crate::nn::Span;
use crate::nn::rotary::Rotary;
use crate::tensor::Tensor;
use crate::{Error, Result};

/// The places of a batch whose final hidden states are wanted.
///
/// The last layer's keys and values are needed everywhere, since all places attend to all; its
/// queries, output projection and MLP, most of its FLOPs, only where the result is read. A
/// compressor reads a few memory tokens of a whole document.
#[derive(Clone, Debug)]
pub struct TokenSelection {
    /// The wanted places among all `batch * seq` positions, i64 `[batch, n]`.
    rows: Tensor,
    /// Where the wanted places stand in their sequences, and where the keys do.
    pub(crate) queries: PositionInfo,
}

impl TokenSelection {
    /// The `places` of each sequence, in its buffer: as many of each. `spans` are those of a batch
    /// of rows of `width`, whose positions count the buffer, as [`PositionInfo::causal`] and
    /// [`PositionInfo::bidirectional`] do.
    ///
    /// # Errors
    /// [`Error::Input`] if there are not as many places for each sequence, or one lies outside; or
    /// if the device fails.
    pub fn new(places: &[Vec<usize>], spans: &[Span], width: usize, rotary: &Rotary) -> Result<Self> {
        TokenSelection::with_positions(places, places, spans, width, rotary)
    }

    /// The last place of each prompt, whose positions count real tokens alone, as
    /// [`PositionInfo::prompts`] does.
    pub(super) fn last(spans: &[Span], width: usize, rotary: &Rotary) -> Result<Self> {
        let places: Vec<_> = spans.iter().map(|span| vec![span.end().saturating_sub(1)]).collect();
        let positions: Vec<_> = spans.iter().map(|span| vec![span.len.saturating_sub(1)]).collect();
        TokenSelection::with_positions(&places, &positions, spans, width, rotary)
    }

    fn with_positions(
        places: &[Vec<usize>],
        positions: &[Vec<usize>],
        spans: &[Span],
        width: usize,
        rotary: &Rotary,
    ) -> Result<Self> {
        let (batch, wanted) = (spans.len(), places.first().map_or(0, Vec::len));
        if places.len() != batch || places.iter().any(|row| row.len() != wanted || row.iter().any(|&place| place >= width)) {
            let message = format!("the places to read are {places:?}, expected as many below {width} in each of {batch} rows");
            return Err(Error::Input(message));
        }
        let device = rotary.device();
        let integers = |rows: &[Vec<usize>]| rows.iter().flatten().map(|&at| at as i64).collect::<Vec<_>>();
        let rows: Vec<Vec<usize>> =
            places.iter().enumerate().map(|(i, row)| row.iter().map(|at| i * width + at).collect()).collect();
        let firsts: Vec<i64> = places.iter().map(|row| row.first().copied().unwrap_or(0) as i64).collect();
        let of_attention = spans.iter().zip(&firsts).flat_map(|(span, &first)| [span.start as i64, span.len as i64, first]);
        // Consecutive places are given by the first; others individually.
        let consecutive = places.iter().all(|row| row.windows(2).all(|pair| pair[1] == pair[0] + 1));
        let own = if consecutive {
            None
        } else {
            let keys: Vec<i64> = (0..batch).flat_map(|_| 0..width as i64).collect();
            Some((device.from_slice(&integers(places), [batch, wanted])?, device.from_slice(&keys, [batch, width])?))
        };
        Ok(TokenSelection {
            rows: device.from_slice(&integers(&rows), [batch, wanted])?,
            queries: PositionInfo {
                rotation: rotary.rows(positions)?,
                spans: Some(device.from_slice(&of_attention.collect::<Vec<_>>(), [batch, 3])?),
                positions: own,
            },
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
