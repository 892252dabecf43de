//! Timing of one function, and its report.

use std::time::Instant;

use scaledown_sdk::{DType, Device};
use serde::Serialize;
use serde_json::Value;

use crate::Result;
use crate::evaluate::median::median;

/// How often a function is run.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Measured runs.
    pub runs: usize,
    /// Warm-up runs.
    pub warmup: usize,
}

/// The measurements of one function.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    /// The measured function.
    pub name: String,
    /// Its shape.
    pub shape: Value,
    /// The element type.
    pub dtype: DType,
    /// The threads that the device computes with.
    pub threads: usize,
    /// The median wall time of a run.
    pub median_ms: f64,
    /// The wall time of each run.
    pub runs_ms: Vec<f64>,
    /// The tokens of a run over the median.
    pub tokens_per_second: f64,
    /// Floating-point operations of a run.
    pub flops: u64,
    /// Times that the host waited for elements of the device in a run.
    pub reads: u64,
    /// Tensors that were brought to the device in a run.
    pub uploads: u64,
    /// Instructions of a run.
    pub instructions: u64,
    /// Storages that were made for tensors in a run.
    pub allocations: u64,
    /// The machine's matrix product rate, measured right after.
    pub gemm_gflops: f64,
    /// The share of that rate that the run reached.
    pub gemm_fraction: f64,
    /// Peak memory of tensors.
    pub peak_memory_bytes: u64,
    /// Of that, allocated before the run (parameters, optimizer).
    pub held_memory_bytes: u64,
}

impl Timing {
    /// Measures `run`, which handles `tokens` tokens.
    pub(super) fn measure(
        self,
        name: &str,
        shape: Value,
        tokens: usize,
        device: &Device,
        mut run: impl FnMut() -> Result<()>,
    ) -> Result<Measurement> {
        for _ in 0..self.warmup {
            run()?;
        }
        let before = device.usage();
        device.reset_peak_memory();
        let held_memory_bytes = device.memory().live;
        let mut runs_ms = Vec::with_capacity(self.runs);
        for _ in 0..self.runs.max(1) {
            let started = Instant::now();
            run()?;
            device.synchronize()?;
            runs_ms.push(started.elapsed().as_secs_f64() * 1e3);
        }
        let used = device.usage() - before;
        let a_run = |count: u64| count / runs_ms.len() as u64;
        let flops = a_run(used.flops);
        let (reads, uploads) = (a_run(used.reads), a_run(used.uploads));
        let (instructions, allocations) = (a_run(used.instructions), a_run(used.allocations));
        let peak_memory_bytes = device.memory().peak;
        let median_ms = median(runs_ms.clone());
        let gemm_gflops = gemm_gflops(device)?;
        Ok(Measurement {
            name: name.into(),
            shape,
            dtype: DType::F32,
            threads: device.info().threads,
            tokens_per_second: tokens as f64 / median_ms * 1e3,
            gemm_fraction: flops as f64 / (median_ms * 1e-3) / (gemm_gflops * 1e9),
            median_ms,
            runs_ms,
            flops,
            reads,
            uploads,
            instructions,
            allocations,
            gemm_gflops,
            peak_memory_bytes,
            held_memory_bytes,
        })
    }
}

/// The device's rate at a square f32 matrix product, the best of several runs.
fn gemm_gflops(device: &Device) -> Result<f64> {
    const SIZE: usize = 1536;
    let a = device.uniform([SIZE, SIZE], 1)?;
    let b = device.uniform([SIZE, SIZE], 2)?;
    let mut best: f64 = 0.0;
    for _ in 0..5 {
        let started = Instant::now();
        a.matmul(&b)?;
        device.synchronize()?;
        best = best.max(2.0 * (SIZE as f64).powi(3) / started.elapsed().as_secs_f64() / 1e9);
    }
    Ok(best)
}
