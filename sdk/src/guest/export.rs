//! What a component exports as a compressor.

use super::bindings::scaledown::plugin::tensor::Tensor as Handle;
use super::bindings::scaledown::plugin::types::Error as WitError;
use super::compressor::exports::scaledown::plugin::compression::{self as wit, Compressed, Context, Mode, PairBatch, Template};
use super::slot::{Slot, begin, keys};
use crate::autodiff;
use crate::component::{self, CompressorContext, CompressorPlugin};
use crate::nn::{ForwardMode, HostWeights, Params, Widths};
use crate::{Error, Result, Tensor};

/// Builds a compressor from a JSON object.
///
/// # Errors
/// Those of [`CompressorPlugin::build`].
pub fn build_compressor<C: CompressorPlugin>(
    slot: &Slot<C>,
    config: &str,
    context: &Context,
) -> std::result::Result<Template, WitError> {
    slot.build(|| {
        let compressor = build::<C>(config, context)?;
        let template = compressor.template();
        let tokenizer = template.tokenizer.map(|directory| directory.to_string_lossy().into_owned());
        let template = Template { tokenizer, prefix: template.prefix, separator: template.separator, suffix: template.suffix };
        Ok((compressor, template))
    })
}

/// Compresses a batch.
///
/// # Errors
/// Those of the compressor; or if nothing was built.
pub fn compress<C: CompressorPlugin>(slot: &Slot<C>, batch: PairBatch, mode: Mode) -> std::result::Result<Compressed, WitError> {
    let mut forward = if mode.training { ForwardMode::training(mode.seed, mode.checkpointing) } else { ForwardMode::inference() };
    let batch = component::PairBatch {
        ids: batch.ids,
        memory_tokens: batch.memory_tokens as usize,
        relevance: batch.relevance,
        widths: widths(batch.widths),
    };
    let compressed = slot.call(|compressor| compressor.compress(&batch, &mut forward))?;
    Ok(Compressed { vectors: compressed.vectors.into_handle(), relevance: compressed.relevance.map(Tensor::into_handle) })
}

/// Runs a checkpointed segment again.
///
/// # Errors
/// Those of the segment.
pub fn recompute(segment: u64, inputs: Vec<Handle>) -> std::result::Result<Vec<Handle>, WitError> {
    begin();
    let inputs: Vec<Tensor> = inputs.into_iter().map(Tensor::of_host).collect();
    Ok(autodiff::recompute(segment, &inputs)?.into_iter().map(Tensor::into_handle).collect())
}

/// Drops checkpointed segments that will not run again.
pub fn forget(segments: &[u64]) {
    autodiff::forget(segments);
}

fn widths(widths: wit::Widths) -> Widths {
    match widths {
        wit::Widths::Exact => Widths::Exact,
        wit::Widths::MultipleOfEight => Widths::MultipleOf8,
        wit::Widths::Buckets => Widths::Buckets,
    }
}

fn build<C: CompressorPlugin>(config: &str, context: &Context) -> Result<C> {
    let generator = serde_json::from_str(&context.generator)
        .map_err(|error| Error::Config(format!("the generator's config.json: {error}")))?;
    C::build(
        keys(config)?,
        CompressorContext {
            params: Params::of_host(),
            generator,
            generator_weights: HostWeights::of_generator(),
            hidden_size: context.hidden_size as usize,
            memory_tokens: context.memory_tokens as usize,
            relevance: context.relevance,
        },
    )
}
