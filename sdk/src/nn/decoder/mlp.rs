//! The gated multilayer perceptron (Shazeer 2020, arXiv 2002.05202).

use super::DecoderConfig;
use crate::Result;
use crate::error::ResultExt;
use crate::nn::{ForwardMode, Linear, Params};
use crate::tensor::{GatedOp, Tensor};

/// `down(f(gate(x)) * up(x))`.
#[derive(Debug)]
pub(super) struct DecoderMlp {
    input: Input,
    down: Linear,
    activation: GatedOp,
}

/// The maps to gate and up.
#[derive(Debug)]
enum Input {
    /// `gate_proj` and `up_proj`.
    Apart([Linear; 2]),
    /// `gate_up_proj`, whose outputs are those of the two one after the other.
    Fused(Linear),
}

impl DecoderMlp {
    pub(super) fn new(config: &DecoderConfig, params: &Params) -> Result<Self> {
        let (hidden, inner, bias) = (config.hidden, config.intermediate, config.mlp_bias);
        let input = if config.fused {
            Input::Fused(Linear::new(&params.pp("gate_up_proj"), hidden, 2 * inner, bias)?)
        } else {
            let linear = |name: &str| Linear::new(&params.pp(name), hidden, inner, bias);
            Input::Apart([linear("gate_proj")?, linear("up_proj")?])
        };
        Ok(DecoderMlp {
            input,
            down: Linear::with_init(&params.pp("down_proj"), inner, hidden, bias, config.residual_init(inner))?,
            activation: config.activation,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, forward: &mut ForwardMode) -> Result<Tensor> {
        let inner = match &self.input {
            Input::Apart([gate, up]) => {
                let gate = gate.forward(x, forward).at("gate_proj")?;
                gate.gated(self.activation, &up.forward(x, forward).at("up_proj")?)?
            }
            Input::Fused(both) => both.forward(x, forward).at("gate_up_proj")?.gated_halves(self.activation)?,
        };
        self.down.forward(&inner, forward).at("down_proj")
    }

    pub(super) fn linears(&self) -> impl Iterator<Item = &Linear> {
        let inputs = match &self.input {
            Input::Apart(linears) => linears.as_slice(),
            Input::Fused(linear) => std::slice::from_ref(linear),
        };
        inputs.iter().chain([&self.down])
    }
}
