//! The decoder without its output head.

use std::sync::Arc;

use super::by_reach::ByReach;
use super::{DecoderConfig, DecoderLayer, KvCache, PositionInfo, TokenSelection};
use crate::autodiff::{boundary, checkpoint};
use crate::error::ResultExt;
use crate::nn::{Embedding, ForwardMode, Linear, Params, RmsNorm, Rotary, Span};
use crate::tensor::{Device, Tensor};
use crate::{Error, Result};

/// Embeddings, layers and a final norm. Parameters under its path: `embed_tokens`, `layers.N`,
/// `norm`.
#[derive(Debug)]
pub struct Decoder {
    embed: Embedding,
    layers: Vec<Arc<DecoderLayer>>,
    norm: Option<RmsNorm>,
    rotary: ByReach<Rotary>,
    device: Device,
    hidden: usize,
    context: Option<usize>,
}

impl Decoder {
    /// The whole decoder at the path of `params` (`model` in a checkpoint).
    ///
    /// # Errors
    /// If weights cannot be read.
    pub fn new(config: &DecoderConfig, params: &Params) -> Result<Self> {
        Decoder::first_layers(config, params, config.layers, true)
    }

    /// Embeddings and the first `layers` layers, with or without the final norm.
    ///
    /// # Errors
    /// [`Error::Config`] if the decoder has fewer layers; or if weights cannot be read.
    pub fn first_layers(config: &DecoderConfig, params: &Params, layers: usize, final_norm: bool) -> Result<Self> {
        if layers > config.layers {
            return Err(Error::Config(format!("the model has {} layers, {layers} are asked for", config.layers)));
        }
        let layer = |index: usize| Ok(Arc::new(DecoderLayer::new(config, index, &params.pp("layers").pp(index))?));
        let device = params.device();
        let embed = Embedding::new(&params.pp("embed_tokens"), config.vocabulary, config.hidden)?;
        Ok(Decoder {
            embed: embed.scaled(config.embedding_scale),
            layers: (0..layers).map(layer).collect::<Result<_>>()?,
            norm: if final_norm { Some(config.final_norm(&params.pp("norm"))?) } else { None },
            rotary: config.rotary(params),
            device: device.clone(),
            hidden: config.hidden,
            context: config.max_positions(),
        })
    }

    /// The device that the model runs on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The embeddings of token ids `[..]` (i64 or u32): `[.., hidden]`.
    ///
    /// # Errors
    /// If an id is not in the vocabulary.
    pub fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        self.embed.forward(ids).at("embed_tokens")
    }

    /// The embedding table.
    #[must_use]
    pub fn embedding(&self) -> &Embedding {
        &self.embed
    }

    /// The maximum positions of a sequence, if the model's configuration has one.
    #[must_use]
    pub fn max_positions(&self) -> Option<usize> {
        self.context
    }

    /// The final hidden states of sequences of embeddings `[batch, seq, hidden]`. `spans` mark the
    /// real positions; padding may be on either side. Outputs at padding are undefined.
    ///
    /// # Errors
    /// If the input does not fit, or the device fails.
    pub fn forward(&self, embeddings: &Tensor, spans: &[Span], forward: &mut ForwardMode) -> Result<Tensor> {
        self.visit(embeddings, spans, None, forward, |_| {})
    }

    /// The final hidden states `[batch, n, hidden]` at `n` places of each sequence, of its buffer;
    /// see [`Decoder::forward`]. The last layer computes no others.
    ///
    /// # Errors
    /// If the input does not fit, or the device fails.
    pub fn forward_at(
        &self,
        places: &[Vec<usize>],
        embeddings: &Tensor,
        spans: &[Span],
        forward: &mut ForwardMode,
    ) -> Result<Tensor> {
        self.visit(embeddings, spans, Some(places), forward, |_| {})
    }

    /// All hidden states, as `transformers` counts them: first the embeddings, then the output of
    /// each layer, the last of them after the final norm.
    ///
    /// # Errors
    /// If the input does not fit, or the device fails.
    pub fn hidden_states(&self, embeddings: &Tensor, spans: &[Span], forward: &mut ForwardMode) -> Result<Vec<Tensor>> {
        let mut states = Vec::with_capacity(self.layers.len() + 1);
        let last = self.visit(embeddings, spans, None, forward, |state| states.push(state.clone()))?;
        states.push(last);
        Ok(states)
    }

    /// Runs all layers and shows `visitor` the input of each.
    fn visit(
        &self,
        embeddings: &Tensor,
        spans: &[Span],
        places: Option<&[Vec<usize>]>,
        forward: &mut ForwardMode,
        mut visitor: impl FnMut(&Tensor),
    ) -> Result<Tensor> {
        let [batch, len] = self.batch_and_length(embeddings)?;
        // Positions count the buffer here, and so the padding before a sequence.
        self.check_length(spans.iter().map(|span| span.end()).max().unwrap_or(0), 0)?;
        let sequences = self.rotary.map(|rotary| PositionInfo::causal(spans, [batch, len], rotary, &self.device))?;
        let readout = places.map(|places| TokenSelection::new(places, spans, len, self.last_rotary())).transpose()?;
        let mut x = embeddings.clone();
        for (index, layer) in self.layers.iter().enumerate() {
            x = boundary(&x)?;
            visitor(&x);
            let last = index + 1 == self.layers.len();
            let mut forward = forward.fork();
            // The backward pass begins with the last layer: what it would drop, it would compute
            // again at once.
            forward.checkpointing &= !last;
            x = run_layer(layer, &x, sequences.of(layer.is_local()), readout.as_ref().filter(|_| last), forward)
                .map_err(|error| error.at(format!("layers.{index}")))?;
        }
        if let Some(readout) = readout.filter(|_| self.layers.is_empty()) {
            x = readout.gather(&x)?;
        }
        self.finish(boundary(&x)?)
    }

    /// Reads prompts and keeps their keys and values, with room for `new_tokens` more: the hidden
    /// state `[batch, hidden]` of each sequence's last token. Prompts are padded on the left.
    ///
    /// # Errors
    /// If the input does not fit or the last position of a prompt is padding.
    pub fn prefill(&self, embeddings: &Tensor, spans: &[Span], new_tokens: usize) -> Result<(Tensor, KvCache)> {
        let [batch, len] = self.batch_and_length(embeddings)?;
        self.check_length(spans.iter().map(|span| span.len).max().unwrap_or(0), new_tokens)?;
        let sequences = self.rotary.map(|rotary| PositionInfo::prompts(spans, [batch, len], rotary, &self.device))?;
        if let Some(row) = spans.iter().position(|span| span.len == 0 || span.end() != len) {
            return Err(Error::Input(format!(
                "sequence {row} is empty or padded on the right; decoding needs padding on the left"
            )));
        }
        let mut cache = KvCache::new(self.layers.len(), spans, len, new_tokens, &self.rotary)?;
        let readout = TokenSelection::last(spans, len, self.last_rotary())?;
        let x = self.run_cached(embeddings.clone(), &sequences, &mut cache, Some(&readout))?;
        Ok((x.reshape([batch, self.hidden])?, cache))
    }

    /// Reads one more token of each sequence, `ids [batch]` (i64 or u32): its hidden state
    /// `[batch, hidden]`. Nothing is read from the device or brought to it.
    ///
    /// # Errors
    /// If the cache is full or of another batch, or an id is not in the vocabulary.
    pub fn decode(&self, ids: &Tensor, cache: &mut KvCache) -> Result<Tensor> {
        let batch = ids.shape().count();
        let sequences = cache.advance(batch)?;
        let x = self.embed(&ids.reshape([batch, 1])?)?;
        self.run_cached(x, &sequences, cache, None)?.reshape([batch, self.hidden])
    }

    /// Runs all layers over a cache; the last of them reads `readout` alone, if one is given.
    fn run_cached(
        &self,
        mut x: Tensor,
        sequences: &ByReach<PositionInfo>,
        cache: &mut KvCache,
        readout: Option<&TokenSelection>,
    ) -> Result<Tensor> {
        let mut forward = ForwardMode::inference();
        for (index, (layer, cache)) in self.layers.iter().zip(&mut cache.layers).enumerate() {
            // A prompt is read layer by layer; a token's step is short, and had better be one
            // program.
            if readout.is_some() {
                x = boundary(&x)?;
            }
            let readout = readout.filter(|_| index + 1 == self.layers.len());
            x = layer
                .forward_cached(&x, sequences.of(layer.is_local()), readout, Some(cache), &mut forward)
                .map_err(|error| error.at(format!("layers.{index}")))?;
        }
        if let Some(readout) = readout.filter(|_| self.layers.is_empty()) {
            x = readout.gather(&x)?;
        }
        self.finish(x)
    }

    /// The rotary embedding of the last layer, which alone reads chosen places.
    fn last_rotary(&self) -> &Rotary {
        self.rotary.of(self.layers.last().is_some_and(|layer| layer.is_local()))
    }

    fn finish(&self, x: Tensor) -> Result<Tensor> {
        match &self.norm {
            Some(norm) => norm.forward(&x).at("norm"),
            None => Ok(x),
        }
    }

    /// All linear maps.
    pub(super) fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.layers.iter().flat_map(|layer| layer.linears())
    }

    /// Refuses sequences beyond what the model was made for, of which it would make sense less and
    /// less, and say nothing.
    fn check_length(&self, len: usize, new_tokens: usize) -> Result<()> {
        match self.context {
            Some(context) if len + new_tokens > context => {
                let more = if new_tokens > 0 { format!(" and {new_tokens} new ones") } else { String::new() };
                Err(Error::Input(format!(
                    "{len} positions{more} exceed the model's {context} (max_position_embeddings); use fewer or shorter documents, or fewer new tokens"
                )))
            }
            _ => Ok(()),
        }
    }

    fn batch_and_length(&self, embeddings: &Tensor) -> Result<[usize; 2]> {
        match *embeddings.dims() {
            [batch, len, hidden] if hidden == self.hidden => Ok([batch, len]),
            _ => {
                let message = format!("embeddings are {}, expected [batch, seq, {}]", embeddings.spec(), self.hidden);
                Err(Error::Input(message))
            }
        }
    }
}

/// Runs a layer, keeping its intermediate tensors or not as `forward` says.
fn run_layer(
    layer: &Arc<DecoderLayer>,
    x: &Tensor,
    sequences: &PositionInfo,
    readout: Option<&TokenSelection>,
    mut forward: ForwardMode,
) -> Result<Tensor> {
    if !forward.checkpointing {
        return layer.forward(x, sequences, readout, &mut forward);
    }
    let (layer, sequences, readout) = (Arc::clone(layer), sequences.clone(), readout.cloned());
    let segment = move |inputs: &[Tensor]| {
        let [x] = inputs else { return Err(Error::Autodiff("a layer has one input".into())) };
        Ok(vec![layer.forward(x, &sequences, readout.as_ref(), &mut forward.clone())?])
    };
    Tensor::sole("checkpoint", checkpoint(segment, &[x])?)
}
