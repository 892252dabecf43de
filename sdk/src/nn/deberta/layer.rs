//! A post-norm transformer layer.

use super::DebertaConfig;
use super::attention::{DebertaAttention, RelativeIndex};
use crate::Result;
use crate::error::ResultExt;
use crate::nn::{ForwardMode, LayerNorm, Linear, Params};
use crate::tensor::{Tensor, UnaryOp};

/// Attention and a feed-forward layer, each added to its input and then normalised.
///
/// Parameters under its path: `attention.self`, `attention.output.{dense, LayerNorm}`,
/// `intermediate.dense`, `output.{dense, LayerNorm}`.
#[derive(Debug)]
pub(super) struct DebertaLayer {
    attention: DebertaAttention,
    out: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    activation: UnaryOp,
    down: Linear,
    norm: LayerNorm,
}

impl DebertaLayer {
    pub(super) fn new(config: &DebertaConfig, embeddings: Option<&Tensor>, params: &Params) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let norm = |params: Params| LayerNorm::new(&params, hidden, true, config.norm_eps);
        Ok(DebertaLayer {
            attention: DebertaAttention::new(config, embeddings, &params.pp("attention.self")).at("attention.self")?,
            out: Linear::new(&params.pp("attention.output.dense"), hidden, hidden, true)?,
            attention_norm: norm(params.pp("attention.output.LayerNorm"))?,
            up: Linear::new(&params.pp("intermediate.dense"), hidden, inner, true)?,
            activation: config.activation,
            down: Linear::new(&params.pp("output.dense"), inner, hidden, true)?,
            norm: norm(params.pp("output.LayerNorm"))?,
        })
    }

    /// The states `[batch, queries, hidden]` of the tokens `at`, which see the real ones of
    /// `x [batch, keys, hidden]`.
    pub(super) fn forward(&self, at: &Tensor, x: &Tensor, places: &RelativeIndex) -> Result<Tensor> {
        let mut forward = ForwardMode::inference();
        let attended = self.attention.forward(at, x, places).at("attention.self")?;
        let attended = self.out.forward(&attended, &mut forward).at("attention.output.dense")?;
        let (_, x) = self.attention_norm.forward_residual(at, &attended).at("attention.output.LayerNorm")?;
        let inner = self.up.forward_activated(&x, self.activation, &mut forward).at("intermediate.dense")?;
        let y = self.down.forward(&inner, &mut forward).at("output.dense")?;
        Ok(self.norm.forward_residual(&x, &y).at("output.LayerNorm")?.1)
    }
}
