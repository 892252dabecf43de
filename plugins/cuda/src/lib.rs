//! The CUDA device of ScaleDown: NVIDIA cards of compute capability 8.0 and later, from the same
//! binary that everybody uses.
//!
//! Nothing of CUDA is needed to build this crate. The driver, NVRTC and cuBLASLt are found when the
//! device is made ([`libraries`]); the kernels are text in this crate ([`kernels`]), compiled for
//! the card when they are launched first, and kept on disk.
//!
//! Everything between instructions and a card goes through the trait [`Driver`](driver::Driver).
//! [`Card`](card::Card) is a real card. The tests run on an emulation of one (the crate
//! `scaledown-cuda-emulator`), which compiles the same kernels for a processor.
//!
//! Results repeat bit by bit: every sum has one order, and no kernel adds to what another one adds
//! to.

mod backend;
pub mod card;
pub mod driver;
mod error;
mod examination;
mod execute;
pub mod kernels;
pub mod libraries;
mod memory;
mod plugin;
mod quantized;

pub use backend::CudaBackend;
pub use error::{CudaError, NAME, Result};
pub use examination::{CudaExamination, Library};
pub use plugin::{CudaConfig, CudaPlugin, device};
