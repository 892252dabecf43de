//! How near kernels come to what the card can do.

use std::time::Instant;

use scaledown_sdk::tensor::{AttentionSpec, Op, no_grad};
use scaledown_sdk::{DType, Device, Result, Tensor};

use crate::Setting;
use crate::table::Table;

/// Runs `work` until it has taken a while, and gives the seconds of one run.
pub(crate) fn seconds(device: &Device, tiny: bool, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    work()?;
    device.synchronize()?;
    let (mut runs, least) = (1_u32, if tiny { 0.0 } else { 0.2 });
    loop {
        let started = Instant::now();
        for _ in 0..runs {
            work()?;
        }
        device.synchronize()?;
        let taken = started.elapsed().as_secs_f64();
        if taken >= least {
            return Ok(taken / f64::from(runs));
        }
        runs *= 4;
    }
}

fn random(device: &Device, shape: &[usize], seed: u64) -> Result<Tensor> {
    device.uniform(shape, seed)?.affine(2.0, -1.0)?.cast(DType::BF16)
}

/// Products, memory, attention, and the kernels beside them.
pub(crate) fn run(setting: &Setting, table: &mut Table) -> Result<()> {
    no_grad(|| {
        products(setting, table)?;
        memory(setting, table)?;
        attention(setting, table)
    })
}

fn products(setting: &Setting, table: &mut Table) -> Result<()> {
    let Setting { device, tiny, .. } = setting;
    let shapes =
        if *tiny { vec![[64, 64, 64]] } else { vec![[8192, 8192, 8192], [16_384, 4096, 14_336], [16_384, 14_336, 4096]] };
    for [m, k, n] in shapes {
        let (x, weight) = (random(device, &[m, k], 1)?, random(device, &[n, k], 2)?);
        let taken = seconds(device, *tiny, || x.linear(&weight, None).map(drop))?;
        table.row("peaks", &format!("linear [{m}, {k}] to {n}"), 2.0 * (m * k * n) as f64 / taken / 1e12, "TFLOP/s");
    }
    let (m, i, r, o) = if *tiny { (64, 64, 8, 64) } else { (16_384, 4096, 16, 4096) };
    let (x, down, up) = (random(device, &[m, i], 3)?, random(device, &[r, i], 4)?, random(device, &[o, r], 5)?);
    let mut y = random(device, &[m, o], 6)?;
    let taken = seconds(device, *tiny, || {
        let op = Op::Adapter { scale: 2.0, p: 0.1, seed: 1 };
        let given = std::mem::replace(&mut y, x.clone());
        y = Tensor::apply_owned(op, vec![given, x.clone(), down.clone(), up.clone()])?.swap_remove(0);
        Ok(())
    })?;
    table.row("peaks", &format!("adapter of rank {r} on [{m}, {i}]"), taken * 1e6, "us");
    Ok(())
}

fn memory(setting: &Setting, table: &mut Table) -> Result<()> {
    let Setting { device, tiny, .. } = setting;
    let (rows, d) = if *tiny { (8, 64) } else { (32_768, 4096) };
    let (x, y, weight) = (random(device, &[rows, d], 1)?, random(device, &[rows, d], 2)?, random(device, &[d], 3)?);
    let bytes = (rows * d * 2) as f64;
    let mut measure = |name: &str, passes: f64, work: &mut dyn FnMut() -> Result<()>| -> Result<()> {
        let taken = seconds(device, *tiny, work)?;
        table.row("peaks", name, passes * bytes / taken / 1e9, "GB/s");
        Ok(())
    };
    measure("copy (affine)", 2.0, &mut || x.affine(1.0, 0.0).map(drop))?;
    measure("sum of two", 3.0, &mut || x.add(&y).map(drop))?;
    measure("gated silu", 3.0, &mut || Tensor::apply(Op::Gated(scaledown_sdk::tensor::GatedOp::Silu), &[&x, &y]).map(drop))?;
    measure("rms_norm", 2.0, &mut || x.rms_norm(&weight, 1e-5).map(drop))?;
    measure("add_rms_norm", 4.0, &mut || Tensor::apply(Op::AddRmsNorm { eps: 1e-5 }, &[&x, &y, &weight]).map(drop))?;
    measure("permute of two dimensions", 2.0, &mut || x.reshape([rows / 8, 8, d])?.permute([1, 0, 2]).map(drop))?;
    let row = random(device, &[1, d], 4)?;
    measure("linear of one row", 1.0, &mut || row.linear(&x, None).map(drop))?;
    for dtype in [DType::Q8_0, DType::Q4_0] {
        let blocks = x.cast(dtype)?;
        let taken = seconds(device, *tiny, || row.linear(&blocks, None).map(drop))?;
        table.row("peaks", &format!("linear of one row, {dtype}"), blocks.spec().bytes() as f64 / taken / 1e9, "GB/s");
    }
    Ok(())
}

fn attention(setting: &Setting, table: &mut Table) -> Result<()> {
    let Setting { device, tiny, .. } = setting;
    let shapes =
        if *tiny { vec![[1, 70, 2, 1, 64]] } else { vec![[8, 2048, 32, 8, 128], [160, 160, 32, 8, 128], [8, 2048, 32, 8, 64]] };
    for [b, s, h, g, d] in shapes {
        let spec = AttentionSpec { scale: (d as f64).powf(-0.5), causal: true, window: None, spans: false, positions: false };
        let q = random(device, &[b, s, h, d], 1)?;
        let (k, v) = (random(device, &[b, s, g, d], 2)?, random(device, &[b, s, g, d], 3)?);
        // Half of the scores are seen.
        let flops = 4.0 * (b * h * s * s * d) as f64 / 2.0;
        let forward = || Tensor::apply(Op::Attention(spec), &[&q, &k, &v]);
        let taken = seconds(device, *tiny, || forward().map(drop))?;
        table.row("peaks", &format!("attention [{b}, {s}, {h}/{g}, {d}], causal"), flops / taken / 1e12, "TFLOP/s");
        let outputs = forward()?;
        let (out, lse) = (&outputs[0], &outputs[1]);
        let taken =
            seconds(device, *tiny, || Tensor::apply(Op::AttentionBackward(spec), &[&q, &k, &v, out, lse, out]).map(drop))?;
        table.row("peaks", &format!("its gradient [{b}, {s}, {h}/{g}, {d}]"), 2.5 * flops / taken / 1e12, "TFLOP/s");
    }
    Ok(())
}
