//! The tensor contract: element types, shapes, the instruction set, tensors and devices.

#[cfg(not(target_arch = "wasm32"))]
mod backend;
mod cost;
mod data;
mod declare;
#[cfg(not(target_arch = "wasm32"))]
mod decompose;
#[cfg(not(target_arch = "wasm32"))]
mod device;
mod dtype;
#[cfg(not(target_arch = "wasm32"))]
mod finite;
mod functions;
#[cfg(target_arch = "wasm32")]
mod guest;
mod infer;
mod methods;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod op;
#[cfg(not(target_arch = "wasm32"))]
mod quantized;
mod shape;

#[cfg(not(target_arch = "wasm32"))]
pub use backend::{DeviceBackend, DeviceInfo, DeviceMemory, HostBytes, Storage, Value};
pub use cost::{Cost, cost};
pub use data::TensorData;
pub use declare::{Audience, Declaration, Field, FieldClass, Gradient, OpKind, Scalar};
#[cfg(not(target_arch = "wasm32"))]
pub use decompose::decompose;
#[cfg(not(target_arch = "wasm32"))]
pub use device::{Device, MemoryUse, Usage};
pub use dtype::{DType, Element};
#[cfg(not(target_arch = "wasm32"))]
pub use finite::watch_finite;
pub use functions::{BinaryOp, CompareOp, GatedOp, ReduceOp, UnaryOp};
#[cfg(target_arch = "wasm32")]
pub use guest::{Device, Tensor, no_grad};
#[cfg(target_arch = "wasm32")]
pub(crate) use guest::{begin_call, recording};
pub use infer::infer;
#[cfg(not(target_arch = "wasm32"))]
pub use native::{LeafId, Tensor, no_grad};
pub use op::{AttentionSpec, Op, uniform_bits, uniform_place, uniform_run};
#[cfg(not(target_arch = "wasm32"))]
pub use quantized::{BLOCK, BlockFormat, Q4_0, Q8_0};
pub use shape::{Shape, Strides, TensorSpec};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{Edge, Node, NodeKind, recording, with_recording};
