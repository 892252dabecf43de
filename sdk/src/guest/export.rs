//! What a component exports: one compressor an instance.

use std::sync::{Mutex, PoisonError};

use super::bindings::scaledown::plugin::tensor::Error as WitError;
use super::bindings::{Compressed, Context, Mode, PairBatch, Template};
use crate::component::{self, CompressorContext, CompressorPlugin};
use crate::nn::{Forward, Params, Widths};
use crate::{Error, Result};

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
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let compressor = slot.as_ref().ok_or_else(|| WitError::Failed("compress was called before build".into()))?;
        let mut forward = if mode.training { Forward::training(mode.seed, false) } else { Forward::inference() };
        let batch = component::PairBatch {
            ids: batch.ids,
            memory_tokens: batch.memory_tokens as usize,
            relevance: batch.relevance,
            widths: Widths::default(),
        };
        let compressed = compressor.compress(&batch, &mut forward)?;
        Ok(Compressed {
            vectors: compressed.vectors.into_handle(),
            relevance: compressed.relevance.map(crate::Tensor::into_handle),
        })
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
