//! A compressor that is a WASM component.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, PairBatch, PairTemplate};
use scaledown_sdk::nn::{ForwardMode, Widths};
use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{DType, Error, Result, Tensor};
use serde_json::Value;

use crate::bindings::exports::scaledown::plugin::compression::{self, Context, Mode};
use crate::checkpoint::Segments;
use crate::guest::{Guest, Setting, missing, reported};
use crate::plugin::Plugin;
use crate::services::components::Neighbours;

/// A compressor of a plugin. Its parameters are the host's, so that an instance that has failed is
/// replaced by a new one which continues with them.
pub struct WasmCompressor {
    plugin: Plugin,
    setting: Setting,
    context: Context,
    template: PairTemplate,
    hidden_size: usize,
    guest: Mutex<Arc<Mutex<Guest>>>,
}

impl WasmCompressor {
    /// Makes an instance, which builds its compressor from the keys of its configuration table.
    ///
    /// # Errors
    /// [`Error::Plugin`] if the plugin is no compressor or traps; or the component's own error.
    pub fn build(plugin: &Plugin, keys: &Value, context: CompressorContext) -> Result<Self> {
        let described = Context {
            generator: context.generator.to_string(),
            hidden_size: size("hidden size", context.hidden_size)?,
            memory_tokens: size("memory tokens", context.memory_tokens)?,
            relevance: context.relevance,
        };
        let neighbours = Neighbours::new(plugin.surroundings(), context.params.device(), None);
        let setting = Setting {
            params: Some(context.params),
            stored: context.generator_weights,
            neighbours: Some(Arc::new(neighbours)),
            ..Setting::bare(plugin, keys)
        };
        let (guest, template) = instance(plugin, &setting, &described)?;
        Ok(WasmCompressor {
            plugin: plugin.clone(),
            setting,
            context: described,
            template,
            hidden_size: context.hidden_size,
            guest: Mutex::new(guest),
        })
    }

    /// The instance; a new one in place of one that has failed.
    fn guest(&self) -> Result<Arc<Mutex<Guest>>> {
        let mut guest = self.guest.lock().unwrap_or_else(PoisonError::into_inner);
        if locked(&guest).failed() {
            *guest = instance(&self.plugin, &self.setting, &self.context)?.0;
        }
        Ok(Arc::clone(&guest))
    }

    /// Checks what the component returned against the contract.
    fn check(&self, batch: &PairBatch, compressed: Compressed) -> Result<Compressed> {
        let expected = [batch.ids.len(), batch.memory_tokens, self.hidden_size];
        if compressed.vectors.dims() != expected || !compressed.vectors.dtype().is_float() {
            return Err(self
                .plugin
                .error(format!("it returned vectors {}, expected floats {expected:?}", compressed.vectors.spec())));
        }
        let scores = compressed.relevance.as_ref();
        let fits = |scores: &Tensor| scores.dims() == &expected[..1] && scores.dtype() == DType::F32;
        if scores.is_some() != batch.relevance || !scores.is_none_or(fits) {
            let found = scores.map_or("no scores".into(), |scores| format!("scores {}", scores.spec()));
            let wanted = if batch.relevance { format!("f32[{}]", expected[0]) } else { "none".into() };
            return Err(self.plugin.error(format!("it returned {found}, expected {wanted}")));
        }
        Ok(compressed)
    }

    /// Refuses numbers that are NaN or infinite, from which a generator would write anything.
    fn check_finite(&self, what: &str, tensor: Option<&Tensor>) -> Result<()> {
        let Some(tensor) = tensor else { return Ok(()) };
        // Zero times anything finite is zero.
        let zero = no_grad(|| tensor.cast(DType::F32)?.affine(0.0, 0.0)?.sum_all()?.scalar())?;
        match zero.is_finite() {
            true => Ok(()),
            false => Err(self.plugin.error(format!("it returned {what} that are not finite numbers"))),
        }
    }
}

impl Compressor for WasmCompressor {
    fn template(&self) -> PairTemplate {
        self.template.clone()
    }

    fn compress(&self, batch: &PairBatch, forward: &mut ForwardMode) -> Result<Compressed> {
        // The component continues this very stream, so that it drops what the same compressor would
        // drop natively.
        let mode = Mode { training: forward.training, checkpointing: forward.checkpointing, seed: forward.seed() };
        forward.next_seed();
        let pairs = compression::PairBatch {
            ids: batch.ids.clone(),
            memory_tokens: size("memory tokens", batch.memory_tokens)?,
            relevance: batch.relevance,
            widths: match batch.widths {
                Widths::Exact => compression::Widths::Exact,
                Widths::MultipleOf8 => compression::Widths::MultipleOfEight,
                Widths::Buckets => compression::Widths::Buckets,
            },
        };
        let guest = self.guest()?;
        let mut guest = locked(&guest);
        guest.forget_segments()?;
        let returned = guest.call(|store, instance, plugin| {
            let indices = plugin.roles().compression.as_ref().ok_or_else(|| missing("compression"))?;
            indices.load(&mut *store, instance)?.call_compress(store, &pairs, mode)
        })?;
        let vectors = guest.take(returned.vectors)?;
        let relevance = returned.relevance.map(|scores| guest.take(scores)).transpose()?;
        drop(guest);
        let compressed = self.check(batch, Compressed { vectors, relevance })?;
        // A training finds out by its loss, which it reads anyway.
        if !forward.training {
            self.check_finite("vectors", Some(&compressed.vectors))?;
            self.check_finite("scores", compressed.relevance.as_ref())?;
        }
        Ok(compressed)
    }
}

fn locked(guest: &Arc<Mutex<Guest>>) -> MutexGuard<'_, Guest> {
    guest.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An instance with its compressor built, and how that wants pairs written.
fn instance(plugin: &Plugin, setting: &Setting, context: &Context) -> Result<(Arc<Mutex<Guest>>, PairTemplate)> {
    let mut guest = Guest::new(plugin, setting)?;
    let template = guest.call(|store, instance, plugin| {
        let indices = plugin.roles().compression.as_ref().ok_or_else(|| missing("compression"))?;
        indices.load(&mut *store, instance)?.call_build(store, &setting.keys, context)
    })?;
    // Its tokens are read by the host, so that the component must be allowed to read them.
    if let Some(directory) = &template.tokenizer {
        guest.imports().readable(directory).map_err(|error| reported(plugin, error))?;
    }
    let guest = Arc::new(Mutex::new(guest));
    let segments = Segments::of(&guest);
    locked(&guest).set_segments(segments);
    let tokenizer = template.tokenizer.map(PathBuf::from);
    let template = PairTemplate { tokenizer, prefix: template.prefix, separator: template.separator, suffix: template.suffix };
    Ok((guest, template))
}

fn size(what: &str, size: usize) -> Result<u32> {
    u32::try_from(size).map_err(|_| Error::Input(format!("{what} is {size}, more than a component can take")))
}
