//! Grouped-query self-attention with rotary positions (Ainslie et al. 2023, arXiv 2305.13245).

use super::cache::LayerCache;
use super::{DecoderConfig, PositionInfo, TokenSelection};
use crate::error::ResultExt;
use crate::nn::{ForwardMode, Init, Linear, Params};
use crate::tensor::{AttentionSpec, Tensor};
use crate::{Error, Result};

/// Causal self-attention.
#[derive(Debug)]
pub(super) struct DecoderAttention {
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    heads: usize,
    kv_heads: usize,
    head_size: usize,
    spec: AttentionSpec,
}

impl DecoderAttention {
    /// Attention that sees `window` tokens, or all before.
    pub(super) fn new(config: &DecoderConfig, window: Option<usize>, params: &Params) -> Result<Self> {
        let (hidden, size) = (config.hidden, config.head_size);
        let (queries, keys) = (config.heads * size, config.kv_heads * size);
        // New biases of queries and keys are random and large: through the rotary embedding a head
        // then prefers some distance from the start, and a small model finds the heads that copy
        // much sooner.
        let biased = |name: &str, outputs: usize| match config.qkv_bias {
            true => Linear::with_bias_init(&params.pp(name), hidden, outputs, Init::Normal(1.2)),
            false => Linear::new(&params.pp(name), hidden, outputs, false),
        };
        Ok(DecoderAttention {
            q: biased("q_proj", queries)?,
            k: biased("k_proj", keys)?,
            v: Linear::new(&params.pp("v_proj"), hidden, keys, config.qkv_bias)?,
            o: Linear::with_init(&params.pp("o_proj"), queries, hidden, config.output_bias, config.residual_init(queries))?,
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_size: size,
            spec: AttentionSpec {
                scale: (size as f64).powf(-0.5),
                causal: true,
                // A window of `w` tokens counts the query's own.
                window: window.map(|window| window.saturating_sub(1)),
                spans: false,
                positions: false,
            },
        })
    }

    /// `[batch, seq, hidden] -> [batch, seq, hidden]`, or with a readout of `n` places
    /// `[batch, n, hidden]`. With a cache, keys and values are added to it, and unless it was
    /// empty, attention is over all that it holds.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        sequences: &PositionInfo,
        readout: Option<&TokenSelection>,
        cache: Option<&mut LayerCache>,
        forward: &mut ForwardMode,
    ) -> Result<Tensor> {
        let &[batch, _, _] = x.dims() else {
            return Err(Error::Input(format!("attention reads [batch, seq, hidden], got {}", x.spec())));
        };
        let split = |y: Tensor, heads: usize| y.reshape([batch, y.dims()[1], heads, self.head_size]);
        let (asking, queries) = match readout {
            Some(readout) => (readout.gather(x)?, &readout.queries),
            None => (x.clone(), sequences),
        };
        let (own, all) = (&queries.rotation, &sequences.rotation);
        let q = split(self.q.forward(&asking, forward).at("q_proj")?, self.heads)?.rope(&own.cos, &own.sin)?;
        let k = split(self.k.forward(x, forward).at("k_proj")?, self.kv_heads)?.rope(&all.cos, &all.sin)?;
        let v = split(self.v.forward(x, forward).at("v_proj")?, self.kv_heads)?;
        let (k, v) = match cache {
            Some(cache) => cache.extend(k, v)?,
            None => (k, v),
        };
        let positions = queries.positions.as_ref().map(|(q, k)| (q, k));
        let y = q.attention(&k, &v, self.spec, queries.spans.as_ref(), positions)?;
        self.o.forward(&y.reshape([batch, q.dims()[1], self.heads * self.head_size])?, forward).at("o_proj")
    }

    pub(super) fn linears(&self) -> impl Iterator<Item = &Linear> {
        [&self.q, &self.k, &self.v, &self.o].into_iter()
    }
}
