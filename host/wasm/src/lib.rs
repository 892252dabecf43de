//! Components compiled to WebAssembly.
//!
//! A component gets handles to tensors of the host and to its parameters, which the host keeps.
//! Whatever it computes from them runs on the host's device and is recorded on the host's tape, so
//! that a compressor from a `.wasm` file trains like a native one.
//!
//! The contract is the WIT package in `wit/`. What a component does wrong (a trap, a handle that it
//! does not own, tensors of other shapes than promised) is an error of the call in which it
//! happens, and never ends the host.

#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated from the WIT package")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/plugin-0.2.0",
        world: "roles",
        with: {
            "scaledown:plugin/tensor.tensor": scaledown_sdk::Tensor,
            "scaledown:plugin/params.parameter": scaledown_sdk::nn::Param,
            "scaledown:plugin/documents.reader": crate::services::documents::DocumentReader,
            "scaledown:plugin/tokenizer.tokenizer": crate::services::tokenizer::OpenTokenizer,
        },
        imports: { default: trappable },
    });
}

mod cache;
mod checkpoint;
mod contract;
mod engine;
mod guest;
mod imports;
mod instructions;
mod limiter;
mod manifest;
mod offer;
mod plugin;
mod pool;
mod roles;
mod services;
mod settings;
mod wasi;

pub use cache::digest;
pub use contract::{Contract, VERSION};
pub use manifest::{manifest, with_manifest};
pub use offer::{Offer, PluginDescription};
pub use plugin::{Plugin, Surroundings};
pub use roles::{WasmCompressor, WasmCorpus, WasmGenerator, WasmReranker, WasmRetriever, WasmTeacher};
pub use settings::{Limits, Permissions, Settings};
