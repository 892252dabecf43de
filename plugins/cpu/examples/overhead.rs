//! The overhead of an instruction beyond its kernel: sums of tensors of 16 elements, in nanoseconds
//! and heap allocations each.
//!
//! `cargo run --release -p scaledown-cpu --example overhead`

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use scaledown_sdk::{Result, Tensor};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUNDS: usize = 200_000;
const SIZE: usize = 16;

/// The median time and the allocations of one run of `f`, over 9 measurements.
fn measure(mut f: impl FnMut() -> Result<()>) -> Result<(f64, f64)> {
    let mut times = Vec::new();
    let mut allocations = 0;
    for _ in 0..9 {
        let (before, started) = (ALLOCATIONS.load(Ordering::Relaxed), Instant::now());
        for _ in 0..ROUNDS {
            f()?;
        }
        times.push(started.elapsed().as_secs_f64() * 1e9 / ROUNDS as f64);
        allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    }
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], allocations as f64 / ROUNDS as f64))
}

fn main() -> Result<()> {
    let device = scaledown_cpu::device()?;
    let (x, y) = (device.uniform([SIZE], 1)?, device.uniform([SIZE], 2)?);
    let leaf = x.leaf()?;
    let (a, b) = (x.to_vec::<f32>()?, y.to_vec::<f32>()?);
    let kernel = || {
        let sum: Vec<f32> = black_box(&a).iter().zip(black_box(&b)).map(|(a, b)| a + b).collect();
        black_box(sum);
        Ok(())
    };
    let plain = || x.add(&y).map(|sum: Tensor| drop(black_box(sum)));
    let recorded = || leaf.add(&y).map(|sum: Tensor| drop(black_box(sum)));
    let (of_kernel, _) = measure(kernel)?;
    println!("{:<34} {of_kernel:8.0} ns", "the sum alone");
    for (name, (time, allocations)) in
        [("an instruction", measure(plain)?), ("an instruction that is recorded", measure(recorded)?)]
    {
        println!("{name:<34} {time:8.0} ns  {:8.0} ns beyond the sum, {allocations:.1} allocations", time - of_kernel);
    }
    Ok(())
}
