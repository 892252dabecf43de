//! What a component exports as a generator.

use std::collections::HashMap;

use super::bindings::scaledown::plugin::tensor::Tensor as Handle;
use super::bindings::scaledown::plugin::types::{Error as WitError, Mode};
use super::slot::{Slot, keys};
use crate::component::{DecodeState, GeneratorContext, GeneratorInput, GeneratorPlugin};
use crate::nn::{ForwardMode, Params, Span};
use crate::{Error, Result, Tensor};

type GeneratorResult<T> = std::result::Result<T, WitError>;

/// A generator and its decodings.
pub struct Decodings<C> {
    generator: C,
    states: HashMap<u64, DecodeState>,
    next: u64,
}

/// Hidden size, vocabulary, and the most positions.
pub type ModelShape = (u32, u32, Option<u32>);

/// Builds a generator from two JSON objects: its keys, and the model's `config.json`.
///
/// # Errors
/// Those of [`GeneratorPlugin::build`].
pub fn build_generator<C: GeneratorPlugin>(slot: &Slot<Decodings<C>>, config: &str, model: &str) -> GeneratorResult<ModelShape> {
    slot.build(|| {
        let model = serde_json::from_str(model).map_err(|error| Error::Config(format!("the model's config.json: {error}")))?;
        let generator = C::build(keys(config)?, GeneratorContext { params: Params::of_model(), config: model })?;
        let size = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let shape = (size(generator.hidden_size()), size(generator.vocabulary()), generator.max_positions().map(size));
        Ok((Decodings { generator, states: HashMap::new(), next: 0 }, shape))
    })
}

/// The embeddings of token ids.
///
/// # Errors
/// Those of the generator.
pub fn embed<C: GeneratorPlugin>(slot: &Slot<Decodings<C>>, ids: Handle) -> GeneratorResult<Handle> {
    slot.call(|built| built.generator.embed(&Tensor::of_host(ids))).map(Tensor::into_handle)
}

/// The final hidden states of embeddings.
///
/// # Errors
/// Those of the generator.
pub fn forward<C: GeneratorPlugin>(
    slot: &Slot<Decodings<C>>,
    embeddings: Handle,
    spans: &[(u32, u32)],
    mode: Mode,
) -> GeneratorResult<Handle> {
    let mut forward = if mode.training { ForwardMode::training(mode.seed, mode.checkpointing) } else { ForwardMode::inference() };
    slot.call(|built| built.generator.forward(&input(embeddings, spans), &mut forward)).map(Tensor::into_handle)
}

/// The logits of hidden states.
///
/// # Errors
/// Those of the generator.
pub fn logits<C: GeneratorPlugin>(slot: &Slot<Decodings<C>>, hidden: Handle) -> GeneratorResult<Handle> {
    slot.call(|built| built.generator.logits(&Tensor::of_host(hidden))).map(Tensor::into_handle)
}

/// Starts a decoding.
///
/// # Errors
/// Those of the generator.
pub fn prefill<C: GeneratorPlugin>(
    slot: &Slot<Decodings<C>>,
    embeddings: Handle,
    spans: &[(u32, u32)],
    new_tokens: u32,
) -> GeneratorResult<(Handle, u64)> {
    let (logits, number) = slot.call(|built| {
        let (logits, state) = built.generator.prefill(&input(embeddings, spans), new_tokens as usize)?;
        built.next += 1;
        built.states.insert(built.next, state);
        Ok((logits, built.next))
    })?;
    Ok((logits.into_handle(), number))
}

/// Reads one more token of each sequence.
///
/// # Errors
/// Those of the generator; or if there is no such decoding.
pub fn decode<C: GeneratorPlugin>(slot: &Slot<Decodings<C>>, ids: Handle, state: u64) -> GeneratorResult<Handle> {
    slot.call(|built| -> Result<Tensor> {
        let state = built.states.get_mut(&state).ok_or_else(|| Error::Input(format!("there is no decoding {state}")))?;
        built.generator.decode(&Tensor::of_host(ids), state)
    })
    .map(Tensor::into_handle)
}

/// Drops a decoding.
pub fn release<C: GeneratorPlugin>(slot: &Slot<Decodings<C>>, state: u64) {
    let _ = slot.call(|built| Ok(drop(built.states.remove(&state))));
}

fn input(embeddings: Handle, spans: &[(u32, u32)]) -> GeneratorInput {
    let spans = spans.iter().map(|&(start, len)| Span { start: start as usize, len: len as usize }).collect();
    GeneratorInput { embeddings: Tensor::of_host(embeddings), spans }
}
