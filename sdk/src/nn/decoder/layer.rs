//! One transformer layer.

use super::attention::DecoderAttention;
use super::cache::LayerCache;
use super::mlp::DecoderMlp;
use super::{DecoderConfig, PositionInfo, TokenSelection};
use crate::Result;
use crate::error::ResultExt;
use crate::nn::{ForwardMode, Linear, Params, RmsNorm};
use crate::tensor::Tensor;

const POST_ATTENTION: &str = "post_attention_layernorm";
const PRE_FEEDFORWARD: &str = "pre_feedforward_layernorm";
const POST_FEEDFORWARD: &str = "post_feedforward_layernorm";

/// Attention and MLP, each behind a norm and with a residual connection.
#[derive(Debug)]
pub struct DecoderLayer {
    input_norm: RmsNorm,
    attention: DecoderAttention,
    /// The norm of what attention adds, where there is one.
    attention_output_norm: Option<RmsNorm>,
    mlp_norm: RmsNorm,
    /// What the norm before the MLP is called.
    mlp_norm_name: &'static str,
    mlp: DecoderMlp,
    /// The norm of what the MLP adds, where there is one.
    mlp_output_norm: Option<RmsNorm>,
    is_local: bool,
}

impl DecoderLayer {
    /// Layer `index` of a decoder, at the path of `params`.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(config: &DecoderConfig, index: usize, params: &Params) -> Result<Self> {
        let norm = |name: &str| config.norm(&params.pp(name), config.hidden);
        let output_norm = |name: &str| if config.output_norms { norm(name).map(Some) } else { Ok(None) };
        let mlp_norm_name = if config.output_norms { PRE_FEEDFORWARD } else { POST_ATTENTION };
        let window = config.windows.get(index).copied().flatten();
        Ok(DecoderLayer {
            input_norm: norm("input_layernorm")?,
            attention: DecoderAttention::new(config, window, &params.pp("self_attn"))?,
            attention_output_norm: output_norm(POST_ATTENTION)?,
            mlp_norm: norm(mlp_norm_name)?,
            mlp_norm_name,
            mlp: DecoderMlp::new(config, &params.pp("mlp"))?,
            mlp_output_norm: output_norm(POST_FEEDFORWARD)?,
            is_local: window.is_some(),
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
        let mut attended = self.attention.forward(&normed, sequences, readout, cache, forward).at("self_attn")?;
        if let Some(norm) = &self.attention_output_norm {
            attended = norm.forward(&attended).at(POST_ATTENTION)?;
        }
        let x = match readout {
            Some(readout) => readout.gather(x)?,
            None => x.clone(),
        };
        let (x, normed) = self.mlp_norm.forward_residual(&x, &attended).at(self.mlp_norm_name)?;
        let mut y = self.mlp.forward(&normed, forward).at("mlp")?;
        if let Some(norm) = &self.mlp_output_norm {
            y = norm.forward(&y).at(POST_FEEDFORWARD)?;
        }
        x.add(&y)
    }

    /// Whether the layer sees no more than a window.
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    /// The layer's linear maps.
    pub(super) fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.attention.linears().chain(self.mlp.linears())
    }
}
