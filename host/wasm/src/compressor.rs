//! A compressor that is a WASM component.

use std::sync::{Mutex, PoisonError};

use scaledown_sdk::component::{Compressed, Compressor, CompressorContext, PairBatch, PairTemplate};
use scaledown_sdk::nn::Forward;
use scaledown_sdk::{DType, Error, Result, Tensor};
use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};

use super::bindings::scaledown::plugin::tensor::Error as WitError;
use super::bindings::{self, Context, Mode};
use super::component::{WasmComponent, failure};
use super::imports::Imports;

/// One instance of a component.
pub struct WasmCompressor {
    name: String,
    template: PairTemplate,
    hidden_size: usize,
    guest: Mutex<Guest>,
}

struct Guest {
    store: Store<Imports>,
    exports: bindings::Compressor,
}

impl WasmCompressor {
    /// Makes an instance, which builds its compressor from the keys of its configuration table.
    ///
    /// # Errors
    /// [`Error::Plugin`] if the component does not fit the contract or traps; or the component's own error.
    pub fn build(component: &WasmComponent, config: &Value, context: CompressorContext) -> Result<Self> {
        let name = component.name().to_owned();
        let mut guest = Guest::new(component, &context).map_err(|error| failure(&name, &error))?;
        let of_build = Context {
            generator: context.generator.to_string(),
            hidden_size: size("hidden size", context.hidden_size)?,
            memory_tokens: size("memory tokens", context.memory_tokens)?,
            relevance: context.relevance,
        };
        let template = guest.exports.call_build(&mut guest.store, &config.to_string(), &of_build);
        let template = template.map_err(|error| failure(&name, &error))?.map_err(|error| reported(&name, error))?;
        Ok(WasmCompressor {
            template: PairTemplate {
                tokenizer: None,
                prefix: template.prefix,
                separator: template.separator,
                suffix: template.suffix,
            },
            hidden_size: context.hidden_size,
            guest: Mutex::new(guest),
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

    fn compress(&self, batch: &PairBatch, forward: &mut Forward) -> Result<Compressed> {
        // The component continues this very stream, so that it drops what the same compressor would drop natively.
        let mode = Mode { training: forward.training, seed: forward.seed() };
        forward.next_seed();
        let pairs = bindings::PairBatch {
            ids: batch.ids.clone(),
            memory_tokens: size("memory tokens", batch.memory_tokens)?,
            relevance: batch.relevance,
        };
        let mut guest = self.guest.lock().unwrap_or_else(PoisonError::into_inner);
        let guest = &mut *guest;
        let returned = guest.exports.call_compress(&mut guest.store, &pairs, mode);
        let returned = returned.map_err(|error| failure(&self.name, &error))?.map_err(|error| reported(&self.name, error))?;
        let vectors = guest.take(returned.vectors).map_err(|error| failure(&self.name, &error))?;
        let relevance = returned.relevance.map(|scores| guest.take(scores)).transpose();
        let relevance = relevance.map_err(|error| failure(&self.name, &error))?;
        self.check(batch, Compressed { vectors, relevance })
    }
}

impl Guest {
    fn new(component: &WasmComponent, context: &CompressorContext) -> wasmtime::Result<Self> {
        let imports = Imports { table: ResourceTable::new(), params: context.params.fresh() };
        let mut store = Store::new(component.engine(), imports);
        let mut linker = Linker::new(component.engine());
        bindings::Compressor::add_to_linker::<_, HasSelf<_>>(&mut linker, |imports: &mut Imports| imports)?;
        let exports = bindings::Compressor::instantiate(&mut store, component.component(), &linker)?;
        Ok(Guest { store, exports })
    }

    /// Takes a tensor that the component gives away.
    fn take(&mut self, handle: Resource<Tensor>) -> wasmtime::Result<Tensor> {
        Ok(self.store.data_mut().table.delete(handle)?)
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
    u32::try_from(size).map_err(|_| Error::Input(format!("{what} is {size}, more than a component can be told")))
}
