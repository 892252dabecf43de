//! Reverse-mode differentiation over the instruction set.
//!
//! A [`Tensor`](crate::Tensor) that descends from a leaf carries its history;
//! [`Tensor::backward`](crate::Tensor::backward) walks it from the newest instruction to the oldest
//! and applies one rule per instruction. Nothing is computed or kept for an input that no gradient
//! is wanted of, so frozen weights cost nothing. [`checkpoint`] trades memory for a second forward
//! pass.

#[cfg(not(target_arch = "wasm32"))]
mod backward;
#[cfg(not(target_arch = "wasm32"))]
mod boundary;
#[cfg(target_arch = "wasm32")]
mod boundary_guest;
#[cfg(not(target_arch = "wasm32"))]
mod checkpoint;
#[cfg(target_arch = "wasm32")]
mod checkpoint_guest;
#[cfg(not(target_arch = "wasm32"))]
mod rules;

#[cfg(not(target_arch = "wasm32"))]
pub use backward::Gradients;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use backward::backward;
#[cfg(not(target_arch = "wasm32"))]
pub use boundary::boundary;
#[cfg(target_arch = "wasm32")]
pub use boundary_guest::boundary;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use checkpoint::SegmentFn;
#[cfg(not(target_arch = "wasm32"))]
pub use checkpoint::{checkpoint, checkpoint_computed};
#[cfg(target_arch = "wasm32")]
pub use checkpoint_guest::checkpoint;
#[cfg(target_arch = "wasm32")]
pub(crate) use checkpoint_guest::{forget, recompute};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use rules::{Vjp, differentiable, reads_output, saves, unary_product, vjp};
