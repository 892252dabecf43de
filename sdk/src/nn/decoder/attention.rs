//! Grouped-query self-attention with rotary positions (Ainslie et al. 2023, arXiv 2305.13245).

use super::cache::LayerCache;
use super::capped::capped_attention;
use super::{DecoderConfig, PositionInfo, TokenSelection};
use crate::error::ResultExt;
use crate::nn::rotary::Rotation;
use crate::nn::{ForwardMode, Init, Linear, Params, RmsNorm};
use crate::tensor::{AttentionSpec, Tensor};
use crate::{Error, Result};

/// Causal self-attention.
#[derive(Debug)]
pub(super) struct DecoderAttention {
    projection: QkvProjection,
    /// The norms of each head's queries and keys.
    norms: Option<(RmsNorm, RmsNorm)>,
    o: Linear,
    heads: usize,
    kv_heads: usize,
    head_size: usize,
    /// How many elements of a head are turned, the first ones.
    rotary_size: usize,
    /// The bound of the scores.
    cap: Option<f64>,
    spec: AttentionSpec,
}

/// The maps to queries, keys and values.
#[derive(Debug)]
enum QkvProjection {
    /// `q_proj`, `k_proj` and `v_proj`.
    Apart([Linear; 3]),
    /// `qkv_proj`, whose outputs are those of the three one after the other.
    Fused(Linear),
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
        let projection = if config.fused {
            QkvProjection::Fused(Linear::new(&params.pp("qkv_proj"), hidden, queries + 2 * keys, false)?)
        } else {
            let v = Linear::new(&params.pp("v_proj"), hidden, keys, config.qkv_bias)?;
            QkvProjection::Apart([biased("q_proj", queries)?, biased("k_proj", keys)?, v])
        };
        let norm = |name: &str| config.norm(&params.pp(name), size);
        Ok(DecoderAttention {
            projection,
            norms: if config.qk_norms { Some((norm("q_norm")?, norm("k_norm")?)) } else { None },
            o: Linear::with_init(&params.pp("o_proj"), queries, hidden, config.output_bias, config.residual_init(queries))?,
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_size: size,
            rotary_size: config.rotary_size,
            cap: config.attention_cap,
            spec: AttentionSpec {
                scale: config.attention_scale,
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
        let (asking, queries) = match readout {
            Some(readout) => (readout.gather(x)?, &readout.queries),
            None => (x.clone(), sequences),
        };
        let (own, all) = (&queries.rotation, &sequences.rotation);
        let [mut q, mut k, v] = self.project(x, readout.map(|_| &asking), forward)?;
        if let Some((q_norm, k_norm)) = &self.norms {
            (q, k) = (q_norm.forward(&q).at("q_norm")?, k_norm.forward(&k).at("k_norm")?);
        }
        let (q, k) = (self.turn(&q, own)?, self.turn(&k, all)?);
        let (k, v) = match cache {
            Some(cache) => cache.extend(k, v)?,
            None => (k, v),
        };
        let positions = queries.positions.as_ref().map(|(q, k)| (q, k));
        let spans = queries.spans.as_ref();
        let y = match self.cap {
            Some(cap) => capped_attention(&q, (&k, &v), self.spec, cap, spans, positions)?,
            None => q.attention(&k, &v, self.spec, spans, positions)?,
        };
        self.o.forward(&y.reshape([batch, q.dims()[1], self.heads * self.head_size])?, forward).at("o_proj")
    }

    /// Queries of `asking` (of all of `x`, where there is none), and keys and values of `x`:
    /// `[batch, seq, heads, head_size]`.
    fn project(&self, x: &Tensor, asking: Option<&Tensor>, forward: &mut ForwardMode) -> Result<[Tensor; 3]> {
        let split = |y: Tensor, heads: usize| y.reshape([y.dims()[0], y.dims()[1], heads, self.head_size]);
        let (heads, kv_heads) = (self.heads, self.kv_heads);
        match &self.projection {
            QkvProjection::Apart([q, k, v]) => Ok([
                split(q.forward(asking.unwrap_or(x), forward).at("q_proj")?, heads)?,
                split(k.forward(x, forward).at("k_proj")?, kv_heads)?,
                split(v.forward(x, forward).at("v_proj")?, kv_heads)?,
            ]),
            QkvProjection::Fused(qkv) => {
                let widths = [heads, kv_heads, kv_heads].map(|heads| heads * self.head_size);
                let parts = |x: &Tensor, forward: &mut ForwardMode| {
                    let parts = qkv.forward(x, forward).at("qkv_proj")?.split(2, widths)?;
                    <[Tensor; 3]>::try_from(parts).map_err(|_| Error::Input("a split made other parts than it was to".into()))
                };
                let [q, k, v] = parts(x, forward)?;
                let q = match asking {
                    Some(asking) => parts(asking, forward)?[0].clone(),
                    None => q,
                };
                Ok([split(q, heads)?, split(k, kv_heads)?, split(v, kv_heads)?])
            }
        }
    }

    /// Turns the first elements of each head of `x [batch, seq, heads, head_size]`.
    fn turn(&self, x: &Tensor, rotation: &Rotation) -> Result<Tensor> {
        let rest = self.head_size - self.rotary_size;
        if rest == 0 {
            return x.rope(&rotation.cos, &rotation.sin);
        }
        let turned = x.slice(3, 0, self.rotary_size)?.rope(&rotation.cos, &rotation.sin)?;
        Tensor::concat(&[&turned, &x.slice(3, self.rotary_size, rest)?], 3)
    }

    pub(super) fn linears(&self) -> impl Iterator<Item = &Linear> {
        let inputs = match &self.projection {
            QkvProjection::Apart(linears) => linears.as_slice(),
            QkvProjection::Fused(linear) => std::slice::from_ref(linear),
        };
        inputs.iter().chain([&self.o])
    }
}
