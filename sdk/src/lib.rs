//! The contracts of ScaleDown.
//!
//! Everything that trains or serves a model in ScaleDown is written against this crate, and against
//! nothing below it:
//!
//! - [`tensor`]: the closed instruction set ([`Op`]), the [`Tensor`] handle that builds
//!   instructions, and the [`DeviceBackend`] trait that a device implements;
//! - [`autodiff`]: reverse-mode differentiation over those instructions, with one rule per
//!   instruction;
//! - [`nn`]: layers, the decoder and encoder families, LoRA and the optimizer;
//! - [`component`]: the traits of the replaceable parts (compressor, generator, ...) and their
//!   registration.
//!
//! The crate depends on no machine-learning framework and compiles to WebAssembly, where a
//! [`Tensor`] is a handle to a tensor of the host.

pub mod autodiff;
pub mod component;
pub mod error;
pub mod files;
#[cfg(target_arch = "wasm32")]
pub mod guest;
pub mod nn;
pub mod tensor;

pub use error::{Error, Result};
#[cfg(not(target_arch = "wasm32"))]
pub use tensor::DeviceBackend;
pub use tensor::{DType, Device, Op, Shape, Tensor, TensorData, TensorSpec};
