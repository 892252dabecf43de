//! The CUDA device of ScaleDown: NVIDIA cards of compute capability 8.0 and later.

mod backend;
pub mod driver;
mod error;
mod execute;
pub mod kernels;
mod memory;
mod quantized;

pub use backend::CudaBackend;
pub use error::{CudaError, NAME, Result};
