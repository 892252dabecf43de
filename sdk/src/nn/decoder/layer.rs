//! One transformer layer.

use super::attention::DecoderAttention;
use super::cache::LayerCache;
use super::mlp::DecoderMlp;
use super::{DecoderConfig, PositionInfo, TokenSelection};
use crate::Result;
use crate::error::ResultExt;
use crate::nn::{ForwardMode, Linear, Params, RmsNorm};
use crate::tensor::Tensor;

/// Attention and MLP, each behind a norm and with a residual connection.
#[derive(Debug)]
pub struct DecoderLayer {
    input_norm: RmsNorm,
    attention: DecoderAttention,
    post_attention_norm: RmsNorm,
    mlp: DecoderMlp,
}

impl DecoderLayer {
    /// Layer `index` of a decoder, at the path of `params`.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(config: &DecoderConfig, index: usize, params: &Params) -> Result<Self> {
        let norm = |name: &str| RmsNorm::new(&params.pp(name), config.hidden, config.norm_eps);
        let window = config.windows.get(index).copied().flatten();
        Ok(DecoderLayer {
            input_norm: norm("input_layernorm")?,
            attention: DecoderAttention::new(config, window, &params.pp("self_attn"))?,
            post_attention_norm: norm("post_attention_layernorm")?,
            mlp: DecoderMlp::new(config, &params.pp("mlp"))?,
        })
    }

    /// `[batch, seq, hidden] -> [batch, seq, hidden]`, or with a readout of `n` places
    /// `[batch, n, hidden]`.
    ///
    /// # Errors
    /// If the input does not fit, or the device fails.
    pub fn forward(
        &self,
        x: &Tensor,
        sequences: &PositionInfo,
        readout: Option<&TokenSelection>,
        forward: &mut ForwardMode,
    ) -> Result<Tensor> {
        self.forward_cached(x, sequences, readout, None, forward)
    }

    pub(super) fn forward_cached(
        &self,
        x: &Tensor,
        sequences: &PositionInfo,
        readout: Option<&TokenSelection>,
        cache: Option<&mut LayerCache>,
        forward: &mut ForwardMode,
    ) -> Result<Tensor> {
        let normed = self.input_norm.forward(x).at("input_layernorm")?;
        let attended = self.attention.forward(&normed, sequences, readout, cache, forward).at("self_attn")?;
        let x = match readout {
            Some(readout) => readout.gather(x)?,
            None => x.clone(),
        };
        let (x, normed) = self.post_attention_norm.forward_residual(&x, &attended).at("post_attention_layernorm")?;
        x.add(&self.mlp.forward(&normed, forward).at("mlp")?)
    }

    /// The layer's linear maps.
    pub(super) fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.attention.linears().chain(self.mlp.linears())
    }
}
