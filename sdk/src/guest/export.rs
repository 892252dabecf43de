//! The exports of a component: one compressor per instance.

use std::sync::{Mutex, PoisonError};

use super::bindings::exports::scaledown::plugin::compression::{self as wit, Compressed, Context, Mode, PairBatch, Template};
use super::bindings::scaledown::plugin::tensor::{Error as WitError, Tensor as Handle};
use crate::autodiff;
use crate::component::{self, CompressorContext, CompressorPlugin};
use crate::nn::{ForwardMode, Params, Widths};
use crate::tensor::begin_call;
use crate::{Error, Result, Tensor};

/// The component's compressor, once it is built.
#[derive(Debug)]
pub struct Instance<C>(Mutex<Option<C>>);

impl<C: CompressorPlugin> Instance<C> {
    /// An instance without its compressor.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a static needs a constant")]
    pub const fn new() -> Self {
        Instance(Mutex::new(None))
    }

    /// Builds the compressor from a JSON object.
    ///
    /// # Errors
    /// Those of [`CompressorPlugin::build`]; or if the compressor wants a tokenizer of its own.
    pub fn build(&self, config: &str, context: &Context) -> std::result::Result<Template, WitError> {
        begin_call();
        let compressor = build::<C>(config, context)?;
        let template = compressor.template();
        if template.tokenizer.is_some() {
            return Err(WitError::Config(
                "a component reads the generator's tokens; it cannot have a tokenizer of its own".into(),
            ));
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(compressor);
        Ok(Template { prefix: template.prefix, separator: template.separator, suffix: template.suffix })
    }

    /// Compresses a batch.
    ///
    /// # Errors
    /// Those of the compressor; or if nothing was built.
    pub fn compress(&self, batch: PairBatch, mode: Mode) -> std::result::Result<Compressed, WitError> {
        begin_call();
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let compressor = slot.as_ref().ok_or_else(|| WitError::Failed("compress was called before build".into()))?;
        let mut forward =
            if mode.training { ForwardMode::training(mode.seed, mode.checkpointing) } else { ForwardMode::inference() };
        let batch = component::PairBatch {
            ids: batch.ids,
            memory_tokens: batch.memory_tokens as usize,
            relevance: batch.relevance,
            widths: widths(batch.widths),
        };
        let compressed = compressor.compress(&batch, &mut forward)?;
        Ok(Compressed { vectors: compressed.vectors.into_handle(), relevance: compressed.relevance.map(Tensor::into_handle) })
    }
}

/// Runs a checkpointed segment again.
///
/// # Errors
/// Those of the segment.
pub fn recompute(segment: u64, inputs: Vec<Handle>) -> std::result::Result<Vec<Handle>, WitError> {
    begin_call();
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
    let config = serde_json::from_str(config).map_err(|error| Error::Config(error.to_string()))?;
    let generator = serde_json::from_str(&context.generator)
        .map_err(|error| Error::Config(format!("the generator's config.json: {error}")))?;
    C::build(
        config,
        CompressorContext {
            params: Params::of_host(),
            generator,
            generator_weights: None,
            hidden_size: context.hidden_size as usize,
            memory_tokens: context.memory_tokens as usize,
            relevance: context.relevance,
        },
    )
}
