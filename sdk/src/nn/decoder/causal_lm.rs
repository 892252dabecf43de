//! The decoder with its output head: a language model.

use super::{Decoder, DecoderConfig, KvCache};
use crate::Result;
use crate::error::ResultExt;
use crate::nn::{ForwardMode, Linear, Params, Span};
use crate::tensor::{Tensor, no_grad};

/// A causal language model. Parameters: `model.*`, and `lm_head.weight` unless it is the embedding
/// table.
///
/// If the options of its parameters ask for an adapter, the model itself is frozen and only the
/// adapter trains.
#[derive(Debug)]
pub struct CausalLm {
    model: Decoder,
    /// `None` where the embedding table serves.
    head: Option<Linear>,
    config: DecoderConfig,
}

impl CausalLm {
    /// The model at the path of `params`.
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(config: DecoderConfig, params: &Params) -> Result<Self> {
        let params = if params.lora().is_some() { params.frozen() } else { params.clone() };
        let head = if config.tied {
            // A file may hold the shared table under both names.
            params.tolerate_copy("lm_head.weight", "model.embed_tokens.weight")?;
            None
        } else {
            Some(Linear::new(&params.pp("lm_head"), config.hidden, config.vocabulary, false)?)
        };
        for layer in 0..config.layers {
            // Old files hold the rotary frequencies, which follow from the configuration.
            params.tolerate(&format!("model.layers.{layer}.self_attn.rotary_emb.inv_freq"));
        }
        Ok(CausalLm { model: Decoder::new(&config, &params.pp("model"))?, head, config })
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// The model without its head.
    #[must_use]
    pub fn decoder(&self) -> &Decoder {
        &self.model
    }

    /// The embeddings of token ids `[..]` (i64 or u32): `[.., hidden]`.
    ///
    /// # Errors
    /// If an id is not in the vocabulary.
    pub fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        self.model.embed(ids).at("model")
    }

    /// The final hidden states of sequences of embeddings; see [`Decoder::forward`].
    ///
    /// # Errors
    /// If the input does not fit, or the device fails.
    pub fn forward(&self, embeddings: &Tensor, spans: &[Span], forward: &mut ForwardMode) -> Result<Tensor> {
        self.model.forward(embeddings, spans, forward).at("model")
    }

    /// All hidden states of sequences of embeddings; see [`Decoder::hidden_states`].
    ///
    /// # Errors
    /// If the input does not fit, or the device fails.
    pub fn hidden_states(&self, embeddings: &Tensor, spans: &[Span], forward: &mut ForwardMode) -> Result<Vec<Tensor>> {
        self.model.hidden_states(embeddings, spans, forward).at("model")
    }

    /// The logits `[.., vocabulary]` of final hidden states `[.., hidden]`.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        let logits = match &self.head {
            Some(head) => head.forward(hidden, &mut ForwardMode::inference()),
            None => hidden.linear(&self.model.embedding().weight().tensor(), None),
        };
        let logits = logits.at("lm_head")?;
        match self.config.logit_cap {
            Some(cap) => logits.affine(1.0 / cap, 0.0)?.tanh()?.affine(cap, 0.0),
            None => Ok(logits),
        }
    }

    /// Reads left-padded prompts: the logits `[batch, vocabulary]` of the next token, and the state
    /// for [`CausalLm::decode`].
    ///
    /// # Errors
    /// If the input does not fit, or the device fails.
    pub fn prefill(&self, embeddings: &Tensor, spans: &[Span], new_tokens: usize) -> Result<(Tensor, KvCache)> {
        no_grad(|| {
            let (hidden, cache) = self.model.prefill(embeddings, spans, new_tokens).at("model")?;
            Ok((self.logits(&hidden)?, cache))
        })
    }

    /// Reads one more token of each sequence, `ids [batch]`: the logits `[batch, vocabulary]` of
    /// the next.
    ///
    /// # Errors
    /// If the cache is full or of another batch, or an id is not in the vocabulary.
    pub fn decode(&self, ids: &Tensor, cache: &mut KvCache) -> Result<Tensor> {
        no_grad(|| self.logits(&self.model.decode(ids, cache).at("model")?))
    }

    /// Merges all adapters into the weights; see [`Linear::merge`].
    ///
    /// # Errors
    /// If the device fails.
    pub fn merge_adapters(&self) -> Result<()> {
        no_grad(|| self.model.linears().chain(&self.head).try_for_each(Linear::merge))
    }
}
