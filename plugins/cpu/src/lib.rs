//! The CPU device of ScaleDown.
//!
//! Every instruction of the contract runs as one multi-threaded, vectorised kernel, forward and
//! backward; matrix products run on the `gemm` crate. Kernels are compiled for several levels of
//! vector instructions, of which the best that the processor has is chosen when the program runs.
//!
//! Results do not depend on the number of threads: work is cut into pieces whose size depends on
//! shapes alone, and partial sums are combined in order.

mod activation;
mod attention;
mod backend;
mod elementwise;
mod execute;
mod fused;
mod gemm;
mod gemv;
mod lanes;
mod layout;
mod loss;
mod math;
mod memory;
mod norm;
mod optimizer;
mod parallel;
mod quantized;
mod reduce;
mod rows;
mod storage;
mod team;

pub use backend::{CpuBackend, CpuConfig, device};
