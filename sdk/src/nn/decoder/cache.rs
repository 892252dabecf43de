//! Keys and values of the tokens read so far.

use super::sequence::{Sequences, token_positions, unpadded};
use crate::nn::rotary::Rotary;
use crate::tensor::{DType, Device, Tensor};
use crate::{Error, Result};

/// The keys and values of all layers for a batch of sequences, in buffers that are allocated once and written in place.
#[derive(Debug)]
pub struct KvCache {
    pub(super) layers: Vec<LayerCache>,
    /// The position of the key in each slot, -1 where there is none: `[batch, capacity]`.
    key_positions: Option<Tensor>,
    /// The position of the next token of each sequence.
    next: Vec<usize>,
    used: usize,
    capacity: usize,
}

/// The keys and values of one layer, `[batch, capacity, kv_heads, head_size]`.
#[derive(Debug)]
pub(super) struct LayerCache {
    buffers: Option<(Tensor, Tensor)>,
    used: usize,
    capacity: usize,
}

impl KvCache {
    /// An empty cache of `layers` layers for prompts with this mask (`batch` rows of `seq`) and `new_tokens` more.
    ///
    /// # Errors
    /// If the device is out of memory.
    pub(super) fn new(layers: usize, mask: &[Vec<bool>], new_tokens: usize, device: &Device) -> Result<Self> {
        let (batch, used) = (mask.len(), mask.first().map_or(0, Vec::len));
        let capacity = used + new_tokens;
        let keys = if unpadded(mask) { mask.iter().map(|_| (0..used as i64).collect()).collect() } else { token_positions(mask) };
        let slots: Vec<i64> =
            keys.iter().flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(-1, new_tokens))).collect();
        Ok(KvCache {
            layers: (0..layers).map(|_| LayerCache { buffers: None, used: 0, capacity }).collect(),
            key_positions: Some(device.from_slice(&slots, [batch, capacity])?),
            next: mask.iter().map(|row| row.iter().filter(|&&real| real).count()).collect(),
            used,
            capacity,
        })
    }

    /// Takes the next slot for one more token of each sequence, and tells where those tokens stand.
    ///
    /// # Errors
    /// If the cache is full or holds another number of sequences.
    pub(super) fn advance(&mut self, batch: usize, rotary: &Rotary, device: &Device) -> Result<Sequences> {
        if batch != self.next.len() {
            return Err(Error::Input(format!("got {batch} tokens for the {} sequences of this decoding", self.next.len())));
        }
        let keys = self.key_positions.take().filter(|_| self.used < self.capacity);
        let keys = keys.ok_or_else(|| Error::Input(format!("the decoding has room for {} tokens, all used", self.capacity)))?;
        let positions: Vec<i64> = self.next.iter().map(|&position| position as i64).collect();
        let queries = device.from_slice(&positions, [batch, 1])?;
        let keys = keys.write_slice(&queries, 1, self.used)?;
        self.key_positions = Some(keys.clone());
        let rotation = match self.next.first() {
            Some(&first) if self.next.iter().all(|&next| next == first) => rotary.range(first, 1)?,
            _ => rotary.rows(&self.next.iter().map(|&next| vec![next]).collect::<Vec<_>>())?,
        };
        self.next.iter_mut().for_each(|next| *next += 1);
        self.used += 1;
        Ok(Sequences { rotation, positions: Some((queries, keys)) })
    }
}

impl LayerCache {
    /// Adds keys and values `[batch, len, kv_heads, head_size]`; returns those that attention is to read: the new ones if the cache was
    /// empty, else all slots.
    pub(super) fn extend(&mut self, k: Tensor, v: Tensor) -> Result<(Tensor, Tensor)> {
        let &[batch, len, heads, size] = k.dims() else {
            return Err(Error::Input(format!("keys are {}, expected four dimensions", k.spec())));
        };
        let start = self.used;
        self.used += len;
        // The buffers leave the cache, so that nobody else holds them and the device writes in place.
        let Some((keys, values)) = self.buffers.take() else {
            let empty = |dtype: DType| k.device().zeros(dtype, [batch, self.capacity, heads, size]);
            let keys = empty(k.dtype())?.write_slice(&k, 1, start)?;
            let values = empty(v.dtype())?.write_slice(&v, 1, start)?;
            self.buffers = Some((keys, values));
            return Ok((k, v));
        };
        let (keys, values) = (keys.write_slice(&k, 1, start)?, values.write_slice(&v, 1, start)?);
        self.buffers = Some((keys.clone(), values.clone()));
        Ok((keys, values))
    }
}
