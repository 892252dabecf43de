//! One encoder layer.

use super::attention::ModernBertAttention;
use super::mlp::ModernBertMlp;
use super::positions::Positions;
use super::{AttentionKind, ModernBertConfig};
use crate::Result;
use crate::error::ResultExt;
use crate::nn::decoder::TokenSelection;
use crate::nn::{ForwardMode, LayerNorm, Params};
use crate::tensor::Tensor;

/// A pre-norm transformer layer. The first layer has no norm before its attention, since the
/// embeddings have one.
///
/// Parameters under its path: `attn_norm` (from layer 1 on), `attn`, `mlp_norm`, `mlp`.
#[derive(Debug)]
pub(super) struct ModernBertLayer {
    attention_norm: Option<LayerNorm>,
    attention: ModernBertAttention,
    mlp_norm: LayerNorm,
    mlp: ModernBertMlp,
}

impl ModernBertLayer {
    pub(super) fn new(config: &ModernBertConfig, index: usize, reach: AttentionKind, params: &Params) -> Result<Self> {
        let norm = |name: &str| LayerNorm::new(&params.pp(name), config.hidden_size, config.norm_bias, config.norm_eps);
        Ok(ModernBertLayer {
            attention_norm: if index == 0 { None } else { Some(norm("attn_norm")?) },
            attention: ModernBertAttention::new(config, reach, &params.pp("attn"))?,
            mlp_norm: norm("mlp_norm")?,
            mlp: ModernBertMlp::new(config, &params.pp("mlp"))?,
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
        let normed = self.attention_norm.as_ref().map_or_else(|| Ok(x.clone()), |norm| norm.forward(x).at("attn_norm"))?;
        let attended = self.attention.forward(&normed, positions, readout, forward).at("attn")?;
        let x = match readout {
            Some(readout) => readout.gather(x)?,
            None => x.clone(),
        };
        let (x, normed) = self.mlp_norm.forward_residual(&x, &attended).at("mlp_norm")?;
        x.add(&self.mlp.forward(&normed, forward).at("mlp")?)
    }
}
