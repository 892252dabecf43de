//! The guest side of a WASM component: what stands behind [`Tensor`](crate::Tensor) and
//! [`Params`](crate::nn::Params) there.
//!
//! The crate's other modules are written against those types, and so run in a component as they run
//! in the host.

#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated from the WIT package")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit/plugin-0.2.0",
        world: "compressor",
        pub_export_macro: true,
        export_macro_name: "export_compressor",
        default_bindings_module: "scaledown_sdk::guest::bindings",
        generate_all,
    });
}

pub(crate) mod error;
mod export;
mod instructions;

pub use bindings::scaledown::plugin::tensor::Error as Failure;
pub use export::{Instance, forget, recompute};
pub(crate) use instructions::{dtype_from_wit, dtype_to_wit, run, shape_from_wit, shape_to_wit};
