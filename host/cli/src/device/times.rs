//! How long things take the first time, when a device compiles, and later.

use std::time::Instant;

use scaledown_sdk::{DType, Device, Tensor};
use serde::Serialize;

use super::model::Model;
use scaledown_host::error::Result;

/// The times of one thing.
#[derive(Debug, Serialize)]
pub(super) struct Time {
    pub(super) name: String,
    /// The first time.
    pub(super) first_ms: f64,
    /// The median of the times after it.
    pub(super) later_ms: f64,
}

/// Measured runs, after a warm-up run.
const LATER: usize = 5;

pub(super) fn measure(device: &Device) -> Result<Vec<Time>> {
    let dtypes = device.info().dtypes;
    let dtype = if dtypes.contains(&DType::BF16) && !dtypes.contains(&DType::F64) { DType::BF16 } else { DType::F32 };
    let mut times = vec![time("a sum of 1,024 numbers", |_| {
        let x = device.full(dtype, [1024], 1.0)?;
        x.sum_all()?.to_data().map(drop)
    })?];
    for size in [256, 1024] {
        let (a, b) = (matrix(device, dtype, size, 1)?, matrix(device, dtype, size, 2)?);
        device.synchronize()?;
        times.push(time(&format!("a product of {size} x {size} matrices in {dtype}"), |_| {
            let product = a.matmul(&b)?;
            device.synchronize()?;
            drop(product);
            Ok(())
        })?);
    }
    let mut model = Model::new(device, DType::F32)?;
    times.push(time("a step of a small decoder", |step| model.step(step).map(drop))?);
    let mut made = Vec::with_capacity(LATER + 2);
    let began = Instant::now();
    made.push(0.0);
    model.decode(LATER + 1, || made.push(began.elapsed().as_secs_f64()))?;
    let tokens: Vec<f64> = made.windows(2).map(|pair| pair[1] - pair[0]).collect();
    times.push(summary("a prompt, and a token of it", &tokens));
    Ok(times)
}

fn matrix(device: &Device, dtype: DType, size: usize, seed: u64) -> scaledown_sdk::Result<Tensor> {
    device.uniform([size, size], seed)?.affine(1.0, -0.5)?.cast(dtype)
}

fn time(name: &str, mut run: impl FnMut(u32) -> scaledown_sdk::Result<()>) -> Result<Time> {
    let mut seconds = Vec::new();
    for round in 0..=LATER as u32 {
        let began = Instant::now();
        run(round)?;
        seconds.push(began.elapsed().as_secs_f64());
    }
    Ok(summary(name, &seconds))
}

fn summary(name: &str, seconds: &[f64]) -> Time {
    let (first, later) = seconds.split_first().map_or((f64::NAN, &[][..]), |(first, later)| (*first, later));
    let mut later = later.to_vec();
    later.sort_by(f64::total_cmp);
    let median = later.get(later.len() / 2).copied().unwrap_or(f64::NAN);
    Time { name: name.to_owned(), first_ms: first * 1e3, later_ms: median * 1e3 }
}
