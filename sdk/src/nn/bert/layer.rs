//! A post-norm transformer layer.

use super::{BertConfig, Family};
use crate::Result;
use crate::error::ResultExt;
use crate::nn::{ForwardMode, LayerNorm, Linear, Params};
use crate::tensor::{AttentionSpec, Tensor, UnaryOp};

/// Self-attention and a feed-forward layer, each added to its input and then normalised.
///
/// Parameters under its path: BERT's `attention.self.{query, key, value}`,
/// `attention.output.{dense, LayerNorm}`, `intermediate.dense` and `output.{dense, LayerNorm}`;
/// DistilBERT's `attention.{q_lin, k_lin, v_lin, out_lin}`, `sa_layer_norm`, `ffn.{lin1, lin2}` and
/// `output_layer_norm`.
#[derive(Debug)]
pub(super) struct BertLayer {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    down: Linear,
    norm: LayerNorm,
    activation: UnaryOp,
    heads: usize,
    spec: AttentionSpec,
}

/// The names of a layer's modules.
const BERT: [&str; 8] = [
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
];
const DISTILBERT: [&str; 8] = [
    "attention.q_lin",
    "attention.k_lin",
    "attention.v_lin",
    "attention.out_lin",
    "sa_layer_norm",
    "ffn.lin1",
    "ffn.lin2",
    "output_layer_norm",
];

impl BertLayer {
    pub(super) fn new(config: &BertConfig, params: &Params) -> Result<Self> {
        let [query, key, value, out, attention_norm, up, down, norm] = match config.family {
            Family::Bert => BERT,
            Family::DistilBert => DISTILBERT,
        };
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let linear = |name: &str, inputs, outputs| Linear::new(&params.pp(name), inputs, outputs, true);
        let norm_at = |name: &str| LayerNorm::new(&params.pp(name), hidden, true, config.norm_eps);
        let scale = 1.0 / ((hidden / config.heads) as f64).sqrt();
        Ok(BertLayer {
            query: linear(query, hidden, hidden)?,
            key: linear(key, hidden, hidden)?,
            value: linear(value, hidden, hidden)?,
            out: linear(out, hidden, hidden)?,
            attention_norm: norm_at(attention_norm)?,
            up: linear(up, hidden, inner)?,
            down: linear(down, inner, hidden)?,
            norm: norm_at(norm)?,
            activation: config.activation,
            heads: config.heads,
            spec: AttentionSpec { scale, causal: false, window: None, spans: false, positions: false },
        })
    }

    /// The states `[batch, queries, hidden]` of the tokens `at`, which see all of
    /// `x [batch, len, hidden]` that `spans` say are real.
    pub(super) fn forward(&self, at: &Tensor, x: &Tensor, spans: &Tensor) -> Result<Tensor> {
        let mut forward = ForwardMode::inference();
        let hidden = x.shape().last();
        let split = |y: Tensor| {
            let (batch, len) = (y.dims()[0], y.dims()[1]);
            y.reshape([batch, len, self.heads, hidden / self.heads])
        };
        let q = split(self.query.forward(at, &mut forward).at("query")?)?;
        let k = split(self.key.forward(x, &mut forward).at("key")?)?;
        let v = split(self.value.forward(x, &mut forward).at("value")?)?;
        let attended = q.attention(&k, &v, self.spec, Some(spans), None)?.reshape(at.shape().clone())?;
        let attended = self.out.forward(&attended, &mut forward).at("attention output")?;
        let (_, x) = self.attention_norm.forward_residual(at, &attended).at("attention norm")?;
        let inner = self.up.forward_activated(&x, self.activation, &mut forward).at("feed-forward")?;
        let y = self.down.forward(&inner, &mut forward).at("feed-forward")?;
        Ok(self.norm.forward_residual(&x, &y).at("norm")?.1)
    }
}
