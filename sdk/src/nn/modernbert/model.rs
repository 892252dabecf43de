//! The encoder: embeddings, layers and the final norm.

use std::sync::Arc;

use super::layer::ModernBertLayer;
use super::positions::{Positions, Rotaries};
use super::{AttentionKind, ModernBertConfig};
use crate::autodiff::{boundary, checkpoint};
use crate::error::ResultExt;
use crate::nn::decoder::TokenSelection;
use crate::nn::{ForwardMode, Init, LayerNorm, Param, Params, Span};
use crate::tensor::Tensor;
use crate::{Error, Result};

/// `ModernBertModel`.
///
/// Parameters under its path: `embeddings.tok_embeddings.weight [vocab, hidden]`,
/// `embeddings.norm`, `layers.0 ..`, `final_norm`.
#[derive(Debug)]
pub struct ModernBertModel {
    config: ModernBertConfig,
    table: Param,
    embeddings_norm: LayerNorm,
    layers: Vec<Arc<ModernBertLayer>>,
    final_norm: LayerNorm,
    rotaries: Rotaries,
}

impl ModernBertModel {
    /// The encoder at the path of `params`.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(config: ModernBertConfig, params: &Params) -> Result<Self> {
        let norm = |params: Params| LayerNorm::new(&params, config.hidden_size, config.norm_bias, config.norm_eps);
        let embeddings = params.pp("embeddings");
        let shape = [config.vocab_size, config.hidden_size];
        let layers = params.pp("layers");
        let layer = |(i, &reach)| ModernBertLayer::new(&config, i, reach, &layers.pp(i)).map(Arc::new);
        Ok(ModernBertModel {
            table: embeddings.pp("tok_embeddings").get("weight", shape, config.init())?,
            embeddings_norm: norm(embeddings.pp("norm"))?,
            layers: config.layers.iter().enumerate().map(layer).collect::<Result<_>>()?,
            final_norm: norm(params.pp("final_norm"))?,
            rotaries: Rotaries::new(&config, params),
            config,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ModernBertConfig {
        &self.config
    }

    /// The token embeddings `[vocab, hidden]`; their rows are what [`ModernBertModel::forward`]
    /// reads.
    #[must_use]
    pub fn table(&self) -> &Param {
        &self.table
    }

    /// The final hidden states `[batch, seq, hidden]` of token embeddings of that shape (before the
    /// embeddings' norm). `spans` mark the real tokens; padding may be on either side. Outputs at
    /// padding are undefined.
    ///
    /// # Errors
    /// If the spans do not fit, or a row is longer than the model can read.
    pub fn forward(&self, embeddings: &Tensor, spans: &[Span], forward: &mut ForwardMode) -> Result<Tensor> {
        self.run(embeddings, spans, None, forward, |_| {})
    }

    /// The final hidden states `[batch, n, hidden]` at `n` places of each row; see
    /// [`ModernBertModel::forward`]. The last layer computes no others.
    ///
    /// # Errors
    /// Those of [`ModernBertModel::forward`]; or if there are not as many places in each row, or
    /// one lies outside.
    pub fn forward_at(
        &self,
        places: &[Vec<usize>],
        embeddings: &Tensor,
        spans: &[Span],
        forward: &mut ForwardMode,
    ) -> Result<Tensor> {
        self.run(embeddings, spans, Some(places), forward, |_| {})
    }

    /// All hidden states, as transformers' `output_hidden_states` gives them: what enters each
    /// layer, and last the final norm's output.
    ///
    /// # Errors
    /// Those of [`ModernBertModel::forward`].
    pub fn hidden_states(&self, embeddings: &Tensor, spans: &[Span], forward: &mut ForwardMode) -> Result<Vec<Tensor>> {
        let mut states = Vec::with_capacity(self.layers.len() + 1);
        let last = self.run(embeddings, spans, None, forward, |state| states.push(state.clone()))?;
        states.push(last);
        Ok(states)
    }

    /// The forward pass; `visit` sees what enters each layer.
    fn run(
        &self,
        x: &Tensor,
        spans: &[Span],
        places: Option<&[Vec<usize>]>,
        forward: &mut ForwardMode,
        mut visit: impl FnMut(&Tensor),
    ) -> Result<Tensor> {
        let &[batch, len, _] = x.dims() else {
            return Err(Error::Input(format!("the encoder reads embeddings [batch, seq, hidden], got {}", x.spec())));
        };
        let positions = self.rotaries.positions(spans, [batch, len], x.device())?;
        let reach = self.config.layers.last().copied().unwrap_or(AttentionKind::Full);
        let readout = places.map(|places| self.rotaries.readout(places, spans, len, reach)).transpose()?;
        let mut x = self.embeddings_norm.forward(x).at("embeddings.norm")?;
        if forward.training {
            x = x.dropout(self.config.embedding_dropout, forward.next_seed())?;
        }
        for (i, layer) in self.layers.iter().enumerate() {
            x = boundary(&x)?;
            visit(&x);
            let last = i + 1 == self.layers.len();
            let mut forward = forward.fork();
            // The backward pass begins with the last layer: what it would drop, it would compute
            // again at once.
            forward.checkpointing &= !last;
            x = run_layer(layer, &x, &positions, readout.as_ref().filter(|_| last), forward).at(format!("layers.{i}"))?;
        }
        if let Some(readout) = readout.filter(|_| self.layers.is_empty()) {
            x = readout.gather(&x)?;
        }
        self.final_norm.forward(&boundary(&x)?).at("final_norm")
    }
}

/// Runs a layer; if asked to, it keeps nothing of it but its input for the backward pass.
fn run_layer(
    layer: &Arc<ModernBertLayer>,
    x: &Tensor,
    positions: &Positions,
    readout: Option<&TokenSelection>,
    mut forward: ForwardMode,
) -> Result<Tensor> {
    if !forward.checkpointing {
        return layer.forward(x, positions, readout, &mut forward);
    }
    let (layer, positions, readout) = (Arc::clone(layer), positions.clone(), readout.cloned());
    let segment = move |inputs: &[Tensor]| {
        let [x] = inputs else { return Err(Error::Autodiff("a layer has one input".into())) };
        Ok(vec![layer.forward(x, &positions, readout.as_ref(), &mut forward.clone())?])
    };
    Tensor::sole("checkpoint", checkpoint(segment, &[x])?)
}

impl ModernBertConfig {
    /// How new weights start.
    pub(super) fn init(&self) -> Init {
        Init::Normal(self.initializer_range)
    }

    /// How new weights start that add to the residual stream, of which each layer has two.
    pub(super) fn output_init(&self) -> Init {
        Init::Normal(self.initializer_range / (2.0 * self.layers.len().max(1) as f64).sqrt())
    }
}
