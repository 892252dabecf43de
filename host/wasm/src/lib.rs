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
        world: "compressor",
        with: {
            "scaledown:plugin/tensor.tensor": scaledown_sdk::Tensor,
            "scaledown:plugin/params.parameter": scaledown_sdk::nn::Param,
        },
        imports: { default: trappable },
    });
}

mod checkpoint;
mod component;
mod compressor;
mod imports;
mod instructions;

pub use component::WasmComponent;
pub use compressor::WasmCompressor;
