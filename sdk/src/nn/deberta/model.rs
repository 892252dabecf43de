//! The encoder: embeddings, layers, and the embeddings of relative positions that all layers share.

use super::DebertaConfig;
use super::attention::RelativeIndex;
use super::config::Relative;
use super::layer::DebertaLayer;
use crate::Result;
use crate::autodiff::boundary;
use crate::error::ResultExt;
use crate::nn::token_batch::Padded;
use crate::nn::{Embedding, ForwardMode, LayerNorm, Linear, Params, TokenBatch};
use crate::tensor::Tensor;

/// `DebertaV2Model`.
///
/// Parameters under its path: `embeddings.word_embeddings`,
/// `embeddings.{position, token_type}_embeddings` and `embeddings.embed_proj` where the
/// configuration has them, `embeddings.LayerNorm`, `encoder.rel_embeddings`, `encoder.LayerNorm`,
/// and the layers under `encoder.layer`.
#[derive(Debug)]
pub struct Deberta {
    words: Embedding,
    positions: Option<Embedding>,
    types: Option<Embedding>,
    projection: Option<Linear>,
    norm: LayerNorm,
    layers: Vec<DebertaLayer>,
    config: DebertaConfig,
}

impl Deberta {
    /// The encoder at the path of `params`.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(config: DebertaConfig, params: &Params) -> Result<Self> {
        let (at, encoder) = (params.pp("embeddings"), params.pp("encoder"));
        at.tolerate("position_ids");
        let (size, hidden) = (config.embedding_size, config.hidden_size);
        let table = |wanted: bool, name: &str, rows| wanted.then(|| Embedding::new(&at.pp(name), rows, size)).transpose();
        let relative = config.relative.as_ref().map(|relative| distances(relative, &config, &encoder)).transpose()?;
        let layer = |i| DebertaLayer::new(&config, relative.as_ref(), &encoder.pp("layer").pp(i));
        Ok(Deberta {
            words: Embedding::new(&at.pp("word_embeddings"), config.vocab_size, size)?,
            positions: table(config.absolute_positions, "position_embeddings", config.max_positions)?,
            types: table(config.token_types > 0, "token_type_embeddings", config.token_types)?,
            projection: (size != hidden).then(|| Linear::new(&at.pp("embed_proj"), size, hidden, false)).transpose()?,
            norm: LayerNorm::new(&at.pp("LayerNorm"), hidden, true, config.norm_eps)?,
            layers: (0..config.layers).map(layer).collect::<Result<_>>()?,
            config,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &DebertaConfig {
        &self.config
    }

    /// The hidden states `[batch, len, hidden]` of a batch whose longest sequence has `len` tokens.
    /// Outputs at padding are undefined.
    ///
    /// # Errors
    /// If a sequence is empty or longer than the model was made for, or an id is not in the
    /// vocabulary.
    pub fn forward(&self, batch: &TokenBatch) -> Result<Tensor> {
        let padded = self.pad(batch)?;
        self.run(&padded, padded.len, |_| {})
    }

    /// All hidden states, as transformers' `output_hidden_states` gives them: what enters the first
    /// layer, and what leaves each.
    ///
    /// # Errors
    /// Those of [`Deberta::forward`].
    pub fn hidden_states(&self, batch: &TokenBatch) -> Result<Vec<Tensor>> {
        let padded = self.pad(batch)?;
        let mut states = Vec::with_capacity(self.layers.len() + 1);
        let last = self.run(&padded, padded.len, |state| states.push(state.clone()))?;
        states.push(last);
        Ok(states)
    }

    /// The hidden states `[batch, hidden]` of the first tokens alone; the last layer computes no
    /// others.
    ///
    /// # Errors
    /// Those of [`Deberta::forward`].
    pub fn forward_first(&self, batch: &TokenBatch) -> Result<Tensor> {
        let padded = self.pad(batch)?;
        self.run(&padded, 1, |_| {})?.reshape([padded.lengths.len(), self.config.hidden_size])
    }

    fn pad(&self, batch: &TokenBatch) -> Result<Padded> {
        batch.pad(self.config.max_positions, self.words.weight().tensor().device())
    }

    /// The states of the first `read` tokens of each row; `visit` sees what enters each layer.
    fn run(&self, batch: &Padded, read: usize, mut visit: impl FnMut(&Tensor)) -> Result<Tensor> {
        let mut x = self.embed(batch).at("embeddings")?;
        let device = x.device().clone();
        let places = |queries| RelativeIndex::new(self.config.relative.as_ref(), queries, batch.len, &batch.lengths, &device);
        let all = places(batch.len)?;
        for (i, layer) in self.layers.iter().enumerate() {
            x = boundary(&x)?;
            visit(&x);
            x = if read < batch.len && i + 1 == self.layers.len() {
                layer.forward(&x.slice(1, 0, read)?, &x, &places(read)?)
            } else {
                layer.forward(&x, &x, &all)
            }
            .at(format!("encoder.layer.{i}"))?;
        }
        boundary(&x)
    }

    fn embed(&self, batch: &Padded) -> Result<Tensor> {
        let mut x = self.words.forward(&batch.ids)?;
        if let Some(positions) = &self.positions {
            x = x.add(&positions.weight().tensor().slice(0, 0, batch.len)?)?;
        }
        if let Some(types) = &self.types {
            x = x.add(&types.forward(&batch.types)?)?;
        }
        if let Some(projection) = &self.projection {
            x = projection.forward(&x, &mut ForwardMode::inference()).at("embed_proj")?;
        }
        self.norm.forward(&x)
    }
}

/// The embeddings of the distances, `[2 * span, hidden]`, normalised where the configuration says
/// so.
fn distances(relative: &Relative, config: &DebertaConfig, params: &Params) -> Result<Tensor> {
    let table = Embedding::new(&params.pp("rel_embeddings"), 2 * relative.span(), config.hidden_size)?.weight().tensor();
    if !relative.normalised {
        return Ok(table);
    }
    LayerNorm::new(&params.pp("LayerNorm"), config.hidden_size, true, config.norm_eps)?.forward(&table).at("encoder.LayerNorm")
}
