//! A compressor that is a WASM component.

use std::sync::{Arc, Mutex, PoisonError};

use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, PairBatch, PairTemplate};
use scaledown_sdk::nn::{ForwardMode, Widths};
use scaledown_sdk::{DType, Error, Result, Tensor};
use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};

use super::bindings;
use super::bindings::exports::scaledown::plugin::compression::{self, Context, Mode};
use super::bindings::scaledown::plugin::tensor::Error as WitError;
use super::checkpoint::Segments;
use super::component::{WasmComponent, failure};
use super::imports::Imports;

/// One instance of a component.
pub struct WasmCompressor {
    name: String,
    template: PairTemplate,
    hidden_size: usize,
    guest: Arc<Mutex<Guest>>,
}

pub(super) struct Guest {
    name: String,
    store: Store<Imports>,
    exports: bindings::Compressor,
}

impl WasmCompressor {
    /// Makes an instance, which builds its compressor from the keys of its configuration table.
    ///
    /// # Errors
    /// [`Error::Plugin`] if the component does not fit the contract or traps; or the component's
    /// own error.
    pub fn build(component: &WasmComponent, config: &Value, context: CompressorContext) -> Result<Self> {
        let name = component.name().to_owned();
        let mut guest = Guest::new(component, &context).map_err(|error| failure(&name, &error))?;
        let of_build = Context {
            generator: context.generator.to_string(),
            hidden_size: size("hidden size", context.hidden_size)?,
            memory_tokens: size("memory tokens", context.memory_tokens)?,
            relevance: context.relevance,
        };
        let exports = guest.exports.scaledown_plugin_compression();
        let template = exports.call_build(&mut guest.store, &config.to_string(), &of_build);
        let template = template.map_err(|error| failure(&name, &error))?.map_err(|error| reported(&name, error))?;
        let guest = Arc::new(Mutex::new(guest));
        let segments = Segments::of(&guest);
        guest.lock().unwrap_or_else(PoisonError::into_inner).store.data_mut().segments = segments;
        Ok(WasmCompressor {
            template: PairTemplate {
                tokenizer: None,
                prefix: template.prefix,
                separator: template.separator,
                suffix: template.suffix,
            },
            hidden_size: context.hidden_size,
            guest,
            name,
        })
    }

    /// Checks what the component returned against the contract.
    fn check(&self, batch: &PairBatch, compressed: Compressed) -> Result<Compressed> {
        let expected = [batch.ids.len(), batch.memory_tokens, self.hidden_size];
        if compressed.vectors.dims() != expected || !compressed.vectors.dtype().is_float() {
            return Err(self.broken(format!("it returned vectors {}, expected floats {expected:?}", compressed.vectors.spec())));
        }
        let scores = compressed.relevance.as_ref();
        let fits = |scores: &Tensor| scores.dims() == &expected[..1] && scores.dtype() == DType::F32;
        if scores.is_some() != batch.relevance || !scores.is_none_or(fits) {
            let found = scores.map_or("no scores".into(), |scores| format!("scores {}", scores.spec()));
            let wanted = if batch.relevance { format!("f32[{}]", expected[0]) } else { "none".into() };
            return Err(self.broken(format!("it returned {found}, expected {wanted}")));
        }
        Ok(compressed)
    }

    fn broken(&self, message: String) -> Error {
        Error::Plugin { plugin: self.name.clone(), message }
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
        let compressed = self.guest.lock().unwrap_or_else(PoisonError::into_inner).compress(&pairs, mode)?;
        self.check(batch, compressed)
    }
}

impl Guest {
    fn new(component: &WasmComponent, context: &CompressorContext) -> wasmtime::Result<Self> {
        let imports = Imports {
            table: ResourceTable::new(),
            params: context.params.fresh(),
            recording: true,
            segments: Segments::default(),
        };
        let mut store = Store::new(component.engine(), imports);
        let mut linker = Linker::new(component.engine());
        bindings::Compressor::add_to_linker::<_, HasSelf<_>>(&mut linker, |imports: &mut Imports| imports)?;
        let exports = bindings::Compressor::instantiate(&mut store, component.component(), &linker)?;
        Ok(Guest { name: component.name().to_owned(), store, exports })
    }

    /// The start of every call of the component: switches recording on and reports segments that
    /// will not run again.
    fn begin_call(&mut self) -> Result<()> {
        self.store.data_mut().recording = true;
        let forgotten = self.store.data().segments.take_forgotten();
        if forgotten.is_empty() {
            return Ok(());
        }
        let reported = self.exports.scaledown_plugin_recomputation().call_forget(&mut self.store, &forgotten);
        reported.map_err(|error| failure(&self.name, &error))
    }

    fn compress(&mut self, pairs: &compression::PairBatch, mode: Mode) -> Result<Compressed> {
        self.begin_call()?;
        let returned = self.exports.scaledown_plugin_compression().call_compress(&mut self.store, pairs, mode);
        let returned = returned.map_err(|error| failure(&self.name, &error))?.map_err(|error| reported(&self.name, error))?;
        let vectors = self.take(returned.vectors)?;
        Ok(Compressed { vectors, relevance: returned.relevance.map(|scores| self.take(scores)).transpose()? })
    }

    /// Runs a checkpointed segment of the component again.
    pub(super) fn recompute(&mut self, segment: u64, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        self.begin_call()?;
        let table = &mut self.store.data_mut().table;
        let handles = inputs.iter().map(|input| table.push(input.clone())).collect::<std::result::Result<Vec<_>, _>>();
        let handles = handles.map_err(|error| failure(&self.name, &error.into()))?;
        let returned = self.exports.scaledown_plugin_recomputation().call_recompute(&mut self.store, segment, &handles);
        let returned = returned.map_err(|error| failure(&self.name, &error))?.map_err(|error| reported(&self.name, error))?;
        returned.into_iter().map(|output| self.take(output)).collect()
    }

    /// Takes a tensor that the component gives away.
    fn take(&mut self, handle: Resource<Tensor>) -> Result<Tensor> {
        self.store.data_mut().table.delete(handle).map_err(|error| failure(&self.name, &error.into()))
    }
}

/// The error that a component reported.
fn reported(name: &str, error: WitError) -> Error {
    match error {
        WitError::Config(message) => Error::Config(message),
        WitError::Input(message) => Error::Input(message),
        WitError::Failed(message) => Error::Plugin { plugin: name.to_owned(), message },
    }
}

fn size(what: &str, size: usize) -> Result<u32> {
    u32::try_from(size).map_err(|_| Error::Input(format!("{what} is {size}, more than a component can receive")))
}
