//! The gated multilayer perceptron (Shazeer 2020, arXiv 2002.05202).

use super::DecoderConfig;
use crate::Result;
use crate::error::ResultExt;
use crate::nn::{ForwardMode, Linear, Params};
use crate::tensor::{GatedOp, Tensor};

/// `down(f(gate(x)) * up(x))`.
#[derive(Debug)]
pub(super) struct DecoderMlp {
    gate: Linear,
    up: Linear,
    down: Linear,
    activation: GatedOp,
}

impl DecoderMlp {
    pub(super) fn new(config: &DecoderConfig, params: &Params) -> Result<Self> {
        let (hidden, inner, bias) = (config.hidden, config.intermediate, config.mlp_bias);
        Ok(DecoderMlp {
            gate: Linear::new(&params.pp("gate_proj"), hidden, inner, bias)?,
            up: Linear::new(&params.pp("up_proj"), hidden, inner, bias)?,
            down: Linear::with_init(&params.pp("down_proj"), inner, hidden, bias, config.residual_init(inner))?,
            activation: config.activation,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, forward: &mut ForwardMode) -> Result<Tensor> {
        let gate = self.gate.forward(x, forward).at("gate_proj")?;
        let up = self.up.forward(x, forward).at("up_proj")?;
        self.down.forward(&gate.gated(self.activation, &up)?, forward).at("down_proj")
    }

    pub(super) fn linears(&self) -> impl Iterator<Item = &Linear> {
        [&self.gate, &self.up, &self.down].into_iter()
    }
}
