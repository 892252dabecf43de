//! A batch of token sequences for a model that reads them in both directions.

use super::Span;
use crate::tensor::{Device, Tensor};
use crate::{Error, Result};

/// Sequences of token ids, specials included. They may differ in length: a model pads them, and
/// what it computes for one does not depend on the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenBatch {
    /// The ids of each sequence, at least one.
    pub ids: Vec<Vec<u32>>,
    /// The type of each token (`token_type_ids`), of the same lengths; 0 for the first text of a
    /// pair, 1 for the second.
    pub types: Vec<Vec<u32>>,
}

/// A batch padded on the right, on a device.
#[derive(Debug)]
pub(super) struct Padded {
    /// The ids `[batch, len]`; 0 at padding.
    pub(super) ids: Tensor,
    /// The token types `[batch, len]`; 0 at padding.
    pub(super) types: Tensor,
    /// The number of real tokens of each row.
    pub(super) lengths: Vec<usize>,
    /// The length of the longest row.
    pub(super) len: usize,
}

impl TokenBatch {
    /// Pads the batch for a model that reads up to `most` tokens.
    ///
    /// # Errors
    /// [`Error::Input`] if there are no sequences, one is empty or longer than `most`, or types do
    /// not match their ids.
    pub(super) fn pad(&self, most: usize, device: &Device) -> Result<Padded> {
        let lengths: Vec<usize> = self.ids.iter().map(Vec::len).collect();
        let len = lengths.iter().copied().max().unwrap_or(0);
        if lengths.contains(&0) || lengths.is_empty() {
            return Err(Error::Input("a batch has a sequence without tokens, expected at least one token".into()));
        }
        if len > most {
            return Err(Error::Input(format!("a text of {len} tokens is too long: the model's maximum is {most}")));
        }
        if self.types.iter().map(Vec::len).ne(lengths.iter().copied()) {
            return Err(Error::Input("the token types of a batch have other lengths than its ids".into()));
        }
        let padded = |rows: &[Vec<u32>]| -> Vec<u32> {
            rows.iter().flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0, len - row.len()))).collect()
        };
        let shape = [lengths.len(), len];
        Ok(Padded {
            ids: device.from_slice(&padded(&self.ids), shape)?,
            types: device.from_slice(&padded(&self.types), shape)?,
            lengths,
            len,
        })
    }
}

impl Padded {
    /// The spans that [`Op::Attention`](crate::Op::Attention) reads: padding is seen by none.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn spans(&self, device: &Device) -> Result<Tensor> {
        let spans: Vec<Span> = self.lengths.iter().map(|&len| Span::padded_right(len)).collect();
        Span::upload(&spans, |_| 0, device)
    }
}
