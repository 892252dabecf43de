//! The gated feed-forward layer.

use super::ModernBertConfig;
use crate::Result;
use crate::error::ResultExt;
use crate::nn::{ForwardMode, Linear, Params};
use crate::tensor::{GatedOp, Tensor};

/// `Wo (f(a) * b)` with `(a, b) = Wi x` (Shazeer 2020, arXiv 2002.05202; GeGLU where `f` is GELU).
///
/// Parameters under its path: `Wi` (the activated half first) and `Wo`.
#[derive(Debug)]
pub(super) struct ModernBertMlp {
    input: Linear,
    out: Linear,
    activation: GatedOp,
    dropout: f64,
}

impl ModernBertMlp {
    pub(super) fn new(config: &ModernBertConfig, params: &Params) -> Result<Self> {
        let (hidden, size, bias) = (config.hidden_size, config.intermediate_size, config.mlp_bias);
        Ok(ModernBertMlp {
            input: Linear::with_init(&params.pp("Wi"), hidden, 2 * size, bias, config.init())?,
            out: Linear::with_init(&params.pp("Wo"), size, hidden, bias, config.output_init())?,
            activation: config.activation,
            dropout: config.mlp_dropout,
        })
    }

    /// `[batch, seq, hidden] -> [batch, seq, hidden]`.
    pub(super) fn forward(&self, x: &Tensor, forward: &mut ForwardMode) -> Result<Tensor> {
        let mut inner = self.input.forward(x, forward).at("Wi")?.gated_halves(self.activation)?;
        if forward.training {
            inner = inner.dropout(self.dropout, forward.next_seed())?;
        }
        self.out.forward(&inner, forward).at("Wo")
    }
}
