//! Keys and values of the tokens read so far.

use super::by_reach::ByReach;
use super::sequence::PositionInfo;
use crate::nn::Span;
use crate::nn::rotary::{Rotary, Rotation};
use crate::tensor::{DType, Tensor};
use crate::{Error, Result};

/// The keys and values of all layers for a batch of sequences, in buffers that are allocated once
/// and written in place.
///
/// The next token's position is kept and advanced on the device, so that a decoding step uploads
/// nothing.
#[derive(Debug)]
pub struct KvCache {
    pub(super) layers: Vec<LayerCache>,
    /// The span of each sequence's keys and the slot of its newest token, as
    /// [`Op::Attention`](crate::Op::Attention) reads them: `[batch, 3]`.
    spans: Tensor,
    /// A token's increment of `spans`.
    growth: Tensor,
    /// The position of the newest token of each sequence, `[batch, 1]`.
    positions: Tensor,
    /// A token's increment of `positions`.
    one: Tensor,
    /// The rotation at every position that may come: `[positions, head_size / 2]`.
    rotations: ByReach<Rotation>,
    batch: usize,
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
    /// An empty cache of `layers` layers for prompts of `width` positions with these spans, and
    /// `new_tokens` more.
    ///
    /// # Errors
    /// If the device is out of memory.
    pub(super) fn new(layers: usize, spans: &[Span], width: usize, new_tokens: usize, rotary: &ByReach<Rotary>) -> Result<Self> {
        let (device, batch, capacity) = (rotary.global.device(), spans.len(), width + new_tokens);
        let last: Vec<i64> = spans.iter().map(|span| span.len as i64 - 1).collect();
        Ok(KvCache {
            layers: (0..layers).map(|_| LayerCache { buffers: None, used: 0, capacity }).collect(),
            spans: Span::upload(spans, |_| width as i64 - 1, device)?,
            growth: device.from_slice(&[0_i64, 1, 1], [1, 3])?,
            positions: device.from_slice(&last, [batch, 1])?,
            one: device.from_slice(&[1_i64], [1, 1])?,
            rotations: rotary.map(|rotary| rotary.table(capacity))?,
            batch,
            used: width,
            capacity,
        })
    }

    /// Takes the next slot for one more token of each sequence, and tells where those tokens stand.
    ///
    /// # Errors
    /// If the cache is full or holds another number of sequences.
    pub(super) fn advance(&mut self, batch: usize) -> Result<ByReach<PositionInfo>> {
        if batch != self.batch {
            return Err(Error::Input(format!("got {batch} tokens for the {} sequences of this decoding", self.batch)));
        }
        if self.used >= self.capacity {
            return Err(Error::Input(format!("the decoding has room for {} tokens, all used", self.capacity)));
        }
        self.used += 1;
        self.spans = self.spans.add(&self.growth)?;
        self.positions = self.positions.add(&self.one)?;
        self.rotations.map(|Rotation { cos, sin }| {
            let rotation = Rotation { cos: cos.embedding(&self.positions)?, sin: sin.embedding(&self.positions)? };
            Ok(PositionInfo { rotation, spans: Some(self.spans.clone()), positions: None })
        })
    }
}

impl LayerCache {
    /// Adds keys and values `[batch, len, kv_heads, head_size]`; returns those that attention is to
    /// read: the new ones if the cache was empty, else all slots.
    pub(super) fn extend(&mut self, k: Tensor, v: Tensor) -> Result<(Tensor, Tensor)> {
        let &[batch, len, heads, size] = k.dims() else {
            return Err(Error::Input(format!("keys are {}, expected four dimensions", k.spec())));
        };
        let start = self.used;
        self.used += len;
        // The buffers leave the cache, so that they have one owner and the device writes in place.
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
