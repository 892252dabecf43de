//! A generator that is a WASM component.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scaledown_sdk::component::{DecodeState, Generator, GeneratorContext, GeneratorInput};
use scaledown_sdk::files::{FileKind, read_text};
use scaledown_sdk::nn::{ForwardMode, Span};
use scaledown_sdk::{Device, Error, Result, Tensor};
use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::Instance;

use crate::bindings::exports::scaledown::plugin::generation::{self, Mode};
use crate::checkpoint::Segments;
use crate::guest::{Guest, Setting, missing};
use crate::imports::Imports;
use crate::plugin::Plugin;
use crate::services::components::Neighbours;

/// A generator of a plugin. Its parameters are the host's, so that an instance that has failed is
/// replaced by a new one which continues with them. The decodings of the failed one end with it.
pub struct WasmGenerator {
    plugin: Plugin,
    setting: Setting,
    /// The model's `config.json`.
    config: String,
    device: Device,
    shape: generation::Shape,
    guest: Mutex<Arc<Mutex<Guest>>>,
}

/// A decoding: its number in an instance, which is notified when it becomes unused.
struct Decoding {
    guest: Arc<Mutex<Guest>>,
    number: u64,
}

impl Drop for Decoding {
    fn drop(&mut self) {
        // An instance that has failed has no decodings.
        let _ = locked(&self.guest)
            .call(|store, instance, plugin| exports(store, instance, plugin)?.call_release(store, self.number).map(Ok));
    }
}

impl WasmGenerator {
    /// Makes the generator from the keys of its configuration table, and the model in the context's
    /// directory.
    ///
    /// # Errors
    /// [`Error::Plugin`] if the plugin is no generator or traps; or the component's own error.
    pub fn build(plugin: &Plugin, keys: &Value, context: GeneratorContext) -> Result<Self> {
        let config = config(&context.directory)?;
        let device = context.params.device().clone();
        let neighbours = Neighbours::new(plugin.surroundings(), &device, None);
        let setting = Setting {
            params: Some(context.params),
            neighbours: Some(Arc::new(neighbours)),
            attached: true,
            ..Setting::bare(plugin, keys)
        };
        let (guest, shape) = instance(plugin, &setting, &config)?;
        Ok(WasmGenerator { plugin: plugin.clone(), setting, config, device, shape, guest: Mutex::new(guest) })
    }

    /// The instance; a new one in place of one that has failed.
    fn guest(&self) -> Result<Arc<Mutex<Guest>>> {
        let mut guest = self.guest.lock().unwrap_or_else(PoisonError::into_inner);
        if locked(&guest).failed() {
            *guest = instance(&self.plugin, &self.setting, &self.config)?.0;
        }
        Ok(Arc::clone(&guest))
    }

    /// A call with a tensor, which returns one.
    fn compute(&self, input: &Tensor, call: impl FnOnce(&mut Guest, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
        compute_in(&self.guest()?, input, call)
    }

    /// Checks the shape of what the component returned.
    fn check(&self, tensor: Tensor, what: &str, expected: &[usize]) -> Result<Tensor> {
        match tensor.dims() == expected && tensor.dtype().is_float() {
            true => Ok(tensor),
            false => Err(self.plugin.error(format!("it returned {what} {}, expected floats {expected:?}", tensor.spec()))),
        }
    }
}

impl Generator for WasmGenerator {
    fn device(&self) -> &Device {
        &self.device
    }

    fn hidden_size(&self) -> usize {
        self.shape.hidden_size as usize
    }

    fn vocabulary(&self) -> usize {
        self.shape.vocabulary as usize
    }

    fn max_positions(&self) -> Option<usize> {
        self.shape.max_positions.map(|most| most as usize)
    }

    fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        let embedded = self.compute(ids, |guest, ids| {
            let ids = guest.give(ids)?;
            let returned = guest.call(|store, instance, plugin| exports(store, instance, plugin)?.call_embed(store, ids))?;
            guest.take(returned)
        })?;
        self.check(embedded, "embeddings", &[ids.dims(), &[self.hidden_size()]].concat())
    }

    fn forward(&self, input: &GeneratorInput, forward: &mut ForwardMode) -> Result<Tensor> {
        let mode = Mode { training: forward.training, checkpointing: forward.checkpointing, seed: forward.seed() };
        forward.next_seed();
        let spans = spans(&input.spans);
        let hidden = self.compute(&input.embeddings, |guest, embeddings| {
            let embeddings = guest.give(embeddings)?;
            let returned = guest.call(|store, instance, plugin| {
                exports(store, instance, plugin)?.call_forward(store, embeddings, &spans, mode)
            })?;
            guest.take(returned)
        })?;
        self.check(hidden, "hidden states", input.embeddings.dims())
    }

    fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        let logits = self.compute(hidden, |guest, hidden| {
            let hidden = guest.give(hidden)?;
            let returned = guest.call(|store, instance, plugin| exports(store, instance, plugin)?.call_logits(store, hidden))?;
            guest.take(returned)
        })?;
        let rows = hidden.dims().split_last().map_or(&[][..], |(_, rows)| rows);
        self.check(logits, "logits", &[rows, &[self.vocabulary()]].concat())
    }

    fn prefill(&self, input: &GeneratorInput, new_tokens: usize) -> Result<(Tensor, DecodeState)> {
        let spans = spans(&input.spans);
        let room = u32::try_from(new_tokens).unwrap_or(u32::MAX);
        let shared = self.guest()?;
        let mut guest = locked(&shared);
        let embeddings = guest.give(&input.embeddings)?;
        let (logits, number) = guest
            .call(|store, instance, plugin| exports(store, instance, plugin)?.call_prefill(store, embeddings, &spans, room))?;
        let logits = guest.take(logits)?;
        drop(guest);
        let state = DecodeState(Box::new(Decoding { guest: shared, number }));
        Ok((self.check(logits, "logits", &[input.spans.len(), self.vocabulary()])?, state))
    }

    fn decode(&self, ids: &Tensor, state: &mut DecodeState) -> Result<Tensor> {
        let shared = self.guest()?;
        let decoding = state.0.downcast_ref::<Decoding>().filter(|decoding| Arc::ptr_eq(&decoding.guest, &shared));
        let other = "the decoding was started by another generator, or by an instance that has failed since";
        let number = decoding.ok_or_else(|| Error::Input(other.into()))?.number;
        let logits = compute_in(&shared, ids, |guest, ids| {
            let ids = guest.give(ids)?;
            let returned =
                guest.call(|store, instance, plugin| exports(store, instance, plugin)?.call_decode(store, ids, number))?;
            guest.take(returned)
        })?;
        self.check(logits, "logits", &[ids.dims(), &[self.vocabulary()]].concat())
    }
}

/// An instance with its generator built, and what that is.
fn instance(plugin: &Plugin, setting: &Setting, config: &str) -> Result<(Arc<Mutex<Guest>>, generation::Shape)> {
    let mut guest = Guest::new(plugin, setting)?;
    let shape =
        guest.call(|store, instance, plugin| exports(store, instance, plugin)?.call_build(store, &setting.keys, config))?;
    let guest = Arc::new(Mutex::new(guest));
    let segments = Segments::of(&guest);
    locked(&guest).set_segments(segments);
    Ok((guest, shape))
}

/// A call of an instance with a tensor, which returns one.
fn compute_in(
    guest: &Arc<Mutex<Guest>>,
    input: &Tensor,
    call: impl FnOnce(&mut Guest, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let mut guest = locked(guest);
    guest.forget_segments()?;
    call(&mut guest, input)
}

fn exports(store: &mut Store<Imports>, instance: &Instance, plugin: &Plugin) -> wasmtime::Result<generation::Guest> {
    let indices = plugin.roles().generation.as_ref().ok_or_else(|| missing("generation"))?;
    indices.load(store, instance)
}

fn locked(guest: &Arc<Mutex<Guest>>) -> MutexGuard<'_, Guest> {
    guest.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spans(spans: &[Span]) -> Vec<generation::Span> {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    spans.iter().map(|span| generation::Span { start: number(span.start), len: number(span.len) }).collect()
}

/// The text of a model's `config.json`.
fn config(directory: &Path) -> Result<String> {
    let file = directory.join("config.json");
    read_text(&file, FileKind::ModelConfiguration).map_err(|error| Error::io(&file, error))
}
