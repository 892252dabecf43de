//! Bidirectional self-attention with one fused projection.

use super::positions::Positions;
use super::{AttentionKind, ModernBertConfig};
use crate::error::ResultExt;
use crate::nn::decoder::TokenSelection;
use crate::nn::{ForwardMode, Linear, Params};
use crate::tensor::{AttentionSpec, Tensor};
use crate::{Error, Result};

/// Global or local multi-head self-attention.
///
/// Parameters under its path: `Wqkv` (query, key and value, in that order) and `Wo`.
#[derive(Debug)]
pub(super) struct ModernBertAttention {
    qkv: Linear,
    out: Linear,
    heads: usize,
    reach: AttentionKind,
    spec: AttentionSpec,
}

impl ModernBertAttention {
    pub(super) fn new(config: &ModernBertConfig, reach: AttentionKind, params: &Params) -> Result<Self> {
        let (size, bias) = (config.hidden_size, config.attention_bias);
        let window = match reach {
            AttentionKind::Full => None,
            AttentionKind::Sliding => Some(config.local_distance),
        };
        let scale = 1.0 / (config.head_size() as f64).sqrt();
        Ok(ModernBertAttention {
            qkv: Linear::with_init(&params.pp("Wqkv"), size, 3 * size, bias, config.init())?,
            out: Linear::with_init(&params.pp("Wo"), size, size, bias, config.output_init())?,
            heads: config.heads,
            reach,
            spec: AttentionSpec { scale, causal: false, window, spans: false, positions: false },
        })
    }

    /// `[batch, seq, hidden] -> [batch, seq, hidden]`, or with a readout of `n` places
    /// `[batch, n, hidden]`.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        positions: &Positions,
        readout: Option<&TokenSelection>,
        forward: &mut ForwardMode,
    ) -> Result<Tensor> {
        let &[batch, _, hidden] = x.dims() else {
            return Err(Error::Input(format!("attention reads [batch, seq, hidden], got {}", x.spec())));
        };
        let sequences = positions.of(self.reach);
        let (cos, sin) = (&sequences.rotation.cos, &sequences.rotation.sin);
        let qkv = self.qkv.forward(x, forward).at("Wqkv")?;
        let parts = qkv.split(2, [hidden; 3])?;
        let [q, k, v] = <[Tensor; 3]>::try_from(parts).map_err(|_| Error::Input("Wqkv has not three parts".into()))?;
        let split = |y: Tensor| y.reshape([batch, y.dims()[1], self.heads, hidden / self.heads]);
        let (q, queries) = match readout {
            Some(readout) => (readout.gather(&q)?, &readout.queries),
            None => (q, sequences),
        };
        let q = split(q)?.rope(&queries.rotation.cos, &queries.rotation.sin)?;
        let (k, v) = (split(k)?.rope(cos, sin)?, split(v)?);
        let y = q.attention(&k, &v, self.spec, queries.spans.as_ref(), queries.positions.as_ref().map(|(q, k)| (q, k)))?;
        self.out.forward(&y.reshape([batch, q.dims()[1], hidden])?, forward).at("Wo")
    }
}
