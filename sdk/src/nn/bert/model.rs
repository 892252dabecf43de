//! The encoder: embeddings and layers.

use super::layer::BertLayer;
use super::{BertConfig, Family};
use crate::autodiff::boundary;
use crate::error::ResultExt;
use crate::nn::token_batch::Padded;
use crate::nn::{Embedding, LayerNorm, Param, Params, TokenBatch};
use crate::tensor::Tensor;
use crate::{Error, Result};

/// `BertModel` without its pooler, or `DistilBertModel`.
///
/// Parameters under its path: `embeddings.{word, position, token_type}_embeddings` (DistilBERT has
/// no types), `embeddings.LayerNorm`, and the layers under `encoder.layer` (DistilBERT:
/// `transformer.layer`).
#[derive(Debug)]
pub struct Bert {
    words: Embedding,
    positions: Embedding,
    types: Option<Embedding>,
    norm: LayerNorm,
    layers: Vec<BertLayer>,
    config: BertConfig,
}

impl Bert {
    /// The encoder at the path of `params`.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(config: BertConfig, params: &Params) -> Result<Self> {
        let embeddings = params.pp("embeddings");
        let table = |name: &str, rows| Embedding::new(&embeddings.pp(name), rows, config.hidden_size);
        let layers = match config.family {
            Family::Bert => params.pp("encoder.layer"),
            Family::DistilBert => params.pp("transformer.layer"),
        };
        let types = config.token_types;
        // Older checkpoints store the numbers 0, 1, 2, ...
        embeddings.tolerate("position_ids");
        Ok(Bert {
            words: table("word_embeddings", config.vocab_size)?,
            positions: table("position_embeddings", config.max_positions)?,
            types: if types > 0 { Some(table("token_type_embeddings", types)?) } else { None },
            norm: LayerNorm::new(&embeddings.pp("LayerNorm"), config.hidden_size, true, config.norm_eps)?,
            layers: (0..config.layers).map(|i| BertLayer::new(&config, &layers.pp(i))).collect::<Result<_>>()?,
            config,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// The token embeddings `[vocab, hidden]`.
    #[must_use]
    pub fn table(&self) -> &Param {
        self.words.weight()
    }

    /// The hidden states `[batch, len, hidden]` of a batch whose longest sequence has `len` tokens.
    /// Outputs at padding are undefined.
    ///
    /// # Errors
    /// If a sequence is empty or longer than the model can read, or an id is not in the vocabulary.
    pub fn forward(&self, batch: &TokenBatch) -> Result<Tensor> {
        let padded = self.pad(batch)?;
        self.run(&padded, padded.len, |_| {})
    }

    /// All hidden states, as transformers' `output_hidden_states` gives them: what enters the first
    /// layer, and what leaves each.
    ///
    /// # Errors
    /// Those of [`Bert::forward`].
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
    /// Those of [`Bert::forward`].
    pub fn forward_first(&self, batch: &TokenBatch) -> Result<Tensor> {
        let padded = self.pad(batch)?;
        self.run(&padded, 1, |_| {})?.reshape([padded.lengths.len(), self.config.hidden_size])
    }

    fn pad(&self, batch: &TokenBatch) -> Result<Padded> {
        batch.pad(self.config.max_positions, self.table().tensor().device())
    }

    /// The states of the first `read` tokens of each row; `visit` sees what enters each layer.
    fn run(&self, batch: &Padded, read: usize, mut visit: impl FnMut(&Tensor)) -> Result<Tensor> {
        let mut x = self.embed(batch).at("embeddings")?;
        let device = x.device().clone();
        let spans = batch.spans(&device)?;
        for (i, layer) in self.layers.iter().enumerate() {
            x = boundary(&x)?;
            visit(&x);
            x = if read < batch.len && i + 1 == self.layers.len() {
                layer.forward(&x.slice(1, 0, read)?, &x, &spans)
            } else {
                layer.forward(&x, &x, &spans)
            }
            .at(format!("layer.{i}"))?;
        }
        boundary(&x)
    }

    fn embed(&self, batch: &Padded) -> Result<Tensor> {
        let mut x = self.words.forward(&batch.ids)?;
        if let Some(types) = &self.types {
            x = x.add(&types.forward(&batch.types)?)?;
        }
        let positions = self.positions.weight().tensor().slice(0, 0, batch.len)?;
        self.norm.forward(&x.add(&positions)?)
    }
}

impl BertConfig {
    /// The error for another model than expected.
    pub(super) fn expect(&self, family: Family, what: &str) -> Result<()> {
        if self.family == family {
            return Ok(());
        }
        Err(Error::Config(format!("the model is of the family {}, expected {what}", self.root())))
    }
}
