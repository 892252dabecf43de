//! Times every kernel at the shapes of a training step of the benchmark's decoder (40 documents of
//! 140 tokens; width 512, 8 heads, 1536 in the feed-forward block, vocabulary 4096) beside the
//! machine's rate of matrix products:
//! `cargo run --release -p scaledown-cpu --example kernels [name]`.

use std::time::Instant;

use scaledown_sdk::tensor::{AttentionSpec, BinaryOp, GatedOp, Op, ReduceOp, Tensor};
use scaledown_sdk::{DType, Device, Result, Shape};

const DOCUMENTS: usize = 40;
const TOKENS: usize = 140;
const WIDTH: usize = 512;
const HEADS: usize = 8;
const INNER: usize = 1536;
const VOCABULARY: usize = 4096;

/// One kernel with its inputs, and the work it does.
struct Kernel {
    name: &'static str,
    op: Op,
    inputs: Vec<Tensor>,
    flops: usize,
}

fn random(device: &Device, shape: impl Into<Shape>, seed: u64) -> Result<Tensor> {
    let uniform = Tensor::create(Op::Uniform { shape: shape.into(), seed }, device)?;
    first(Op::Affine { mul: 2.0, add: -1.0 }, &[&uniform])
}

fn first(op: Op, inputs: &[&Tensor]) -> Result<Tensor> {
    Ok(Tensor::apply(op, inputs)?.swap_remove(0))
}

fn kernels(device: &Device) -> Result<Vec<Kernel>> {
    let rows = DOCUMENTS * TOKENS;
    let mut kernels = Vec::new();
    let mut add = |name, op, inputs: &[&Tensor], flops| {
        kernels.push(Kernel { name, op, inputs: inputs.iter().map(|&input| input.clone()).collect(), flops });
    };
    let x = random(device, [rows, WIDTH], 1)?;
    let wide = random(device, [rows, INNER], 2)?;
    let other = random(device, [rows, INNER], 3)?;
    let weight = random(device, [WIDTH, WIDTH], 4)?;
    let up = random(device, [INNER, WIDTH], 5)?;
    let norm = random(device, [WIDTH], 6)?;
    add("linear 512x512", Op::Linear, &[&x, &weight], 2 * rows * WIDTH * WIDTH);
    add("linear 1536x512", Op::Linear, &[&x, &up], 2 * rows * WIDTH * INNER);
    let plain = Op::MatMul { transpose_a: false, transpose_b: false };
    add("matmul dx", plain, &[&wide, &up], 2 * rows * WIDTH * INNER);
    let by_rows = Op::MatMul { transpose_a: true, transpose_b: false };
    add("matmul dw", by_rows, &[&wide, &x], 2 * rows * WIDTH * INNER);
    for (name, batch) in [("decode linear, batch 1", 1), ("decode linear, batch 8", 8)] {
        let x = random(device, [batch, WIDTH], 7)?;
        add(name, Op::Linear, &[&x, &up], 2 * batch * WIDTH * INNER);
    }
    add("rms norm", Op::RmsNorm { eps: 1e-5 }, &[&x, &norm], 0);
    let backward = Op::RmsNormBackward { eps: 1e-5, input: true, weight: true };
    add("rms norm backward", backward, &[&x, &norm, &x], 0);
    add("gated silu", Op::Gated(GatedOp::Silu), &[&wide, &other], 0);
    add("gated silu backward", Op::GatedBackward(GatedOp::Silu), &[&wide, &other, &other], 0);
    add("gated gelu backward", Op::GatedBackward(GatedOp::Gelu), &[&wide, &other, &other], 0);
    add("add", Op::Binary(BinaryOp::Add), &[&x, &x], 0);
    add("dropout", Op::Dropout { p: 0.1, seed: 1 }, &[&x], 0);
    add("sum squares", Op::SumSquares, &[&wide], 0);
    add("sum of rows", Op::Reduce { op: ReduceOp::Sum, dims: vec![0], keep: false }, &[&wide], 0);
    attention(device, &mut add)?;
    loss(device, &mut add)?;
    Ok(kernels)
}

fn attention(device: &Device, add: &mut impl FnMut(&'static str, Op, &[&Tensor], usize)) -> Result<()> {
    let size = WIDTH / HEADS;
    let [q, k, v, grad] = [8, 9, 10, 11].map(|seed| random(device, [DOCUMENTS, TOKENS, HEADS, size], seed));
    let (q, k, v, grad) = (q?, k?, v?, grad?);
    let angles = random(device, [1, TOKENS, size / 2], 12)?;
    add("rope", Op::Rope { inverse: false }, &[&q, &angles, &angles], 0);
    let spec = AttentionSpec { scale: 0.125, causal: true, window: None, spans: false, positions: false };
    let product = 2 * DOCUMENTS * HEADS * TOKENS * TOKENS * size;
    add("attention", Op::Attention(spec), &[&q, &k, &v], 2 * product);
    let outputs = Tensor::apply(Op::Attention(spec), &[&q, &k, &v])?;
    if let [out, lse] = &outputs[..] {
        add("attention backward", Op::AttentionBackward(spec), &[&q, &k, &v, out, lse, &grad], 5 * product);
    }
    for (name, batch) in [("decode attention, batch 1", 1), ("decode attention, batch 8", 8)] {
        let q = random(device, [batch, 1, HEADS, size], 13)?;
        let cache = random(device, [batch, 512, HEADS, size], 14)?;
        add(name, Op::Attention(spec), &[&q, &cache, &cache], 4 * batch * HEADS * 512 * size);
    }
    Ok(())
}

fn loss(device: &Device, add: &mut impl FnMut(&'static str, Op, &[&Tensor], usize)) -> Result<()> {
    let rows = 512;
    let logits = random(device, [rows, VOCABULARY], 15)?;
    let targets = Tensor::create(Op::Arange { start: 0, len: rows }, device)?;
    add("cross entropy", Op::CrossEntropy, &[&logits, &targets], 0);
    let lse = Tensor::apply(Op::CrossEntropy, &[&logits, &targets])?.swap_remove(1);
    add("cross entropy backward", Op::CrossEntropyBackward, &[&logits, &targets, &lse, &lse], 0);
    let ids = Tensor::create(Op::Arange { start: 0, len: DOCUMENTS * 100 }, device)?;
    let table = random(device, [VOCABULARY, WIDTH], 16)?;
    add("embedding", Op::Embedding, &[&table, &ids], 0);
    let rows = random(device, [DOCUMENTS * 100, WIDTH], 17)?;
    add("embedding backward", Op::EmbeddingBackward { rows: VOCABULARY }, &[&rows, &ids], 0);
    let adamw = Op::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, masters: false, lr: 1e-4, step: 3 };
    let scale = device.full(DType::F32, [], 1.0)?;
    let moment = Tensor::create(Op::Fill { shape: table.shape().clone(), dtype: DType::F32, value: 0.0 }, device)?;
    add("adamw (with copies)", adamw, &[&scale, &table, &table, &moment, &moment], 0);
    Ok(())
}

/// The median of the times of some runs, in seconds.
fn median(kernel: &Kernel) -> Result<f64> {
    let inputs: Vec<&Tensor> = kernel.inputs.iter().collect();
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || (begin.elapsed().as_secs_f64() < 0.3 && times.len() < 200) {
        let start = Instant::now();
        Tensor::apply(kernel.op.clone(), &inputs)?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn main() -> Result<()> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let device = scaledown_cpu::device()?;
    println!("{:<28} {:>9} {:>9} {:>9}", "kernel", "ms", "GFLOP/s", "GB/s");
    for kernel in kernels(&device)?.iter().filter(|kernel| kernel.name.contains(&wanted)) {
        let before = device.usage();
        Tensor::apply(kernel.op.clone(), &kernel.inputs.iter().collect::<Vec<_>>())?;
        let bytes = (device.usage() - before).bytes as f64;
        let seconds = median(kernel)?;
        let rate = |work: f64| work / seconds / 1e9;
        println!("{:<28} {:>9.3} {:>9.1} {:>9.1}", kernel.name, seconds * 1e3, rate(kernel.flops as f64), rate(bytes));
    }
    Ok(())
}
