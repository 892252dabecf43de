//! A device of plain loops in f64 that runs primitive instructions alone: what other devices are
//! compared with.
//!
//! It shares no code with a real device, and each instruction is written as its definition reads.
//! Since it runs no coarse instruction, whatever runs on it also proves that the decompositions
//! suffice. Elements are held as f64 and rounded to their type after each instruction, so integers
//! beyond 2^53 are not exact.

use half::{bf16, f16};
use scaledown_sdk::tensor::{
    BinaryOp, CompareOp, DeviceInfo, OpKind, ReduceOp, Storage, UnaryOp, Value, uniform_bits, uniform_place, uniform_run,
};
use scaledown_sdk::{DType, DeviceBackend, Error, Op, Result, Shape, TensorData, TensorSpec};

/// The reference device.
pub struct Reference;

type Elements = Vec<f64>;

impl DeviceBackend for Reference {
    fn info(&self) -> DeviceInfo {
        DeviceInfo {
            name: "reference".into(),
            description: "plain loops in f64".into(),
            threads: 1,
            dtypes: vec![DType::F64, DType::F32, DType::BF16, DType::F16, DType::I64, DType::U32, DType::Bool],
            memory: None,
            static_shapes: false,
        }
    }

    fn upload(&self, spec: &TensorSpec, bytes: &[u8]) -> Result<Storage> {
        Ok(Storage::new(TensorData::new(spec.clone(), bytes.to_vec())?.to_f64()))
    }

    fn read(&self, values: &[&Value]) -> Result<Vec<TensorData>> {
        let read = |value: &&Value| {
            let bytes = elements(value)?.iter().flat_map(|&x| encode(value.spec.dtype, x)).collect();
            TensorData::new(value.spec.clone(), bytes)
        };
        values.iter().map(read).collect()
    }

    fn supports(&self, op: &Op, _inputs: &[TensorSpec]) -> bool {
        op.declaration().kind == OpKind::Primitive
    }

    fn execute(&self, op: &Op, inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>> {
        let x = inputs.iter().map(elements).collect::<Result<Vec<_>>>()?;
        let shapes: Vec<&Shape> = inputs.iter().map(|input| &input.spec.shape).collect();
        let results = match op {
            Op::Cast { dtype: DType::U32 } if inputs[0].spec.dtype == DType::I64 => {
                vec![x[0].iter().map(|&x| f64::from(x as i64 as u32)).collect()]
            }
            Op::Binary(BinaryOp::Div) if !outputs[0].dtype.is_float() => {
                vec![zip(&x, &shapes, &outputs[0].shape, |a, b| if b == 0.0 { 0.0 } else { (a / b).trunc() })]
            }
            Op::TopK { k } => top_k(x[0], shapes[0].last(), *k),
            _ => vec![run(op, &x, &shapes, &outputs[0].shape)?],
        };
        let rounded = |(result, spec): (Elements, &TensorSpec)| {
            Storage::new(result.into_iter().map(|element| round(spec.dtype, element)).collect::<Elements>())
        };
        Ok(results.into_iter().zip(outputs).map(rounded).collect())
    }
}

fn elements(value: &Value) -> Result<&Elements> {
    value.get().ok_or_else(|| failure("download", "the value is of another device"))
}

fn failure(op: &'static str, message: impl Into<String>) -> Error {
    Error::Device { device: "reference".into(), op, message: message.into() }
}

fn run(op: &Op, x: &[&Elements], shapes: &[&Shape], output: &Shape) -> Result<Elements> {
    let count = output.count();
    Ok(match op {
        Op::Fill { value, .. } => vec![*value; count],
        Op::Arange { start, len } => (0..*len).map(|i| (*start + i as i64) as f64).collect(),
        Op::Uniform { seed, .. } => {
            let run = uniform_run(output) as u64;
            let number = |i| f64::from(uniform_bits(*seed, uniform_place(run, i))) / f64::from(1 << 24);
            (0..count as u64).map(number).collect()
        }
        Op::Permute { dims } => {
            let strides = shapes[0].strides();
            pick(x[0], walk(output, 0, &dims.iter().map(|&dim| strides[dim]).collect::<Vec<_>>()))
        }
        Op::Broadcast { .. } => pick(x[0], broadcast(shapes[0], output)),
        Op::Slice { dim, start, .. } => {
            let strides = shapes[0].strides();
            pick(x[0], walk(output, start * strides[*dim], &strides))
        }
        Op::WriteSlice { dim, start } => {
            let mut result = x[0].clone();
            write(&mut result, output, x[1], shapes[1], *dim, *start);
            result
        }
        Op::Concat { dim } => {
            let (mut result, mut start) = (vec![0.0; count], 0);
            for (part, shape) in x.iter().zip(shapes) {
                write(&mut result, output, part, shape, *dim, start);
                start += shape.dims()[*dim];
            }
            result
        }
        Op::Cast { .. } => x[0].clone(),
        Op::Unary(op) => x[0].iter().map(|&x| unary(*op, x)).collect(),
        Op::Affine { mul, add } => x[0].iter().map(|&x| x * mul + add).collect(),
        Op::Binary(op) => zip(x, shapes, output, |a, b| binary(*op, a, b)),
        Op::Compare(op) => zip(x, shapes, output, |a, b| f64::from(u8::from(compare(*op, a, b)))),
        Op::Select => {
            let [condition, a, b] = [0, 1, 2].map(|i| pick(x[i], broadcast(shapes[i], output)));
            condition.iter().zip(a.iter().zip(&b)).map(|(&condition, (&a, &b))| if condition != 0.0 { a } else { b }).collect()
        }
        Op::Reduce { op, dims, .. } => reduce(*op, dims, x[0], shapes[0], count),
        Op::ArgMax => x[0].chunks(shapes[0].last()).map(|row| arg_max(row) as f64).collect(),
        Op::MatMul { transpose_a, transpose_b } => matmul(x, shapes, output, *transpose_a, *transpose_b),
        Op::Embedding => {
            let d = shapes[0].last();
            let rows = x[1].iter().map(|&id| row(id, shapes[0].dims()[0]).map(|row| &x[0][row * d..][..d]));
            rows.collect::<Result<Vec<_>>>()?.concat()
        }
        Op::EmbeddingBackward { rows } => {
            let (d, mut result) = (output.last(), vec![0.0; count]);
            for (position, &id) in x[1].iter().enumerate() {
                let target = row(id, *rows)? * d;
                (0..d).for_each(|i| result[target + i] += x[0][position * d + i]);
            }
            result
        }
        other => return Err(failure(other.name(), "not a primitive instruction")),
    })
}

fn pick(x: &Elements, offsets: Vec<usize>) -> Elements {
    offsets.into_iter().map(|offset| x[offset]).collect()
}

/// The offsets `start + sum(index * stride)` of all indices of `shape`, in row-major order.
fn walk(shape: &Shape, start: usize, strides: &[usize]) -> Vec<usize> {
    shape.dims().iter().zip(strides).fold(vec![start], |offsets, (&extent, &stride)| {
        offsets.iter().flat_map(|&offset| (0..extent).map(move |i| offset + i * stride)).collect()
    })
}

fn broadcast(shape: &Shape, output: &Shape) -> Vec<usize> {
    let missing = output.rank() - shape.rank();
    let own = shape.dims().iter().zip(shape.strides()).map(|(&extent, stride)| if extent == 1 { 0 } else { stride });
    walk(output, 0, &std::iter::repeat_n(0, missing).chain(own).collect::<Vec<_>>())
}

fn write(base: &mut Elements, shape: &Shape, update: &Elements, update_shape: &Shape, dim: usize, start: usize) {
    let strides = shape.strides();
    for (offset, &value) in walk(update_shape, start * strides[dim], &strides).into_iter().zip(update) {
        base[offset] = value;
    }
}

fn zip(x: &[&Elements], shapes: &[&Shape], output: &Shape, f: impl Fn(f64, f64) -> f64) -> Elements {
    let (a, b) = (broadcast(shapes[0], output), broadcast(shapes[1], output));
    a.into_iter().zip(b).map(|(a, b)| f(x[0][a], x[1][b])).collect()
}

fn reduce(op: ReduceOp, dims: &[usize], x: &Elements, shape: &Shape, count: usize) -> Elements {
    let kept = dims.iter().fold(shape.clone(), |shape, &dim| shape.with(dim, 1));
    let mut result = vec![if op == ReduceOp::Max { f64::NEG_INFINITY } else { 0.0 }; count];
    for (target, &value) in broadcast(&kept, shape).into_iter().zip(x) {
        result[target] = if op == ReduceOp::Max { maximum(result[target], value) } else { result[target] + value };
    }
    if op == ReduceOp::Mean {
        let group: usize = dims.iter().map(|&dim| shape.dims()[dim]).product();
        result.iter_mut().for_each(|sum| *sum /= group as f64);
    }
    result
}

fn arg_max(row: &[f64]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] || (row[i].is_nan() && !row[best].is_nan()) { i } else { best })
}

/// The greatest elements and their positions, by repeated selection.
fn top_k(x: &Elements, width: usize, k: usize) -> Vec<Elements> {
    let (mut values, mut indices) = (Vec::new(), Vec::new());
    for row in x.chunks(width.max(1)) {
        let mut left: Vec<usize> = (0..row.len()).collect();
        for _ in 0..k {
            let rest: Vec<f64> = left.iter().map(|&at| row[at]).collect();
            let at = left.remove(arg_max(&rest));
            values.push(row[at]);
            indices.push(at as f64);
        }
    }
    vec![values, indices]
}

fn matmul(x: &[&Elements], shapes: &[&Shape], output: &Shape, transpose_a: bool, transpose_b: bool) -> Elements {
    let (batch, [m, n]) = split(output);
    let ((a_batch, a), (b_batch, b)) = (split(shapes[0]), split(shapes[1]));
    let k = a[usize::from(!transpose_a)];
    let (a_step, b_step) = if transpose_a { ([1, m], b[1]) } else { ([k, 1], b[1]) };
    let b_step = if transpose_b { [1, b_step] } else { [b_step, 1] };
    let mut result = Vec::with_capacity(output.count());
    for (a, b) in broadcast(&a_batch, &batch).into_iter().zip(broadcast(&b_batch, &batch)) {
        let (a, b) = (&x[0][a * m * k..], &x[1][b * k * n..]);
        let dot =
            |i: usize, j: usize| (0..k).map(|l| a[i * a_step[0] + l * a_step[1]] * b[l * b_step[0] + j * b_step[1]]).sum::<f64>();
        result.extend((0..m).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| dot(i, j)));
    }
    result
}

/// Leading extents, and those of the matrix.
fn split(shape: &Shape) -> (Shape, [usize; 2]) {
    let (batch, matrix) = shape.dims().split_at(shape.rank() - 2);
    (batch.into(), [matrix[0], matrix[1]])
}

fn row(id: f64, rows: usize) -> Result<usize> {
    if id >= 0.0 && id < rows as f64 {
        Ok(id as usize)
    } else {
        Err(failure("embedding", format!("id {id} is not below {rows}")))
    }
}

fn unary(op: UnaryOp, x: f64) -> f64 {
    match op {
        UnaryOp::Neg => -x,
        UnaryOp::Abs => x.abs(),
        UnaryOp::Square => x * x,
        UnaryOp::Sqrt => x.sqrt(),
        UnaryOp::Rsqrt => x.sqrt().recip(),
        UnaryOp::Recip => x.recip(),
        UnaryOp::Exp => x.exp(),
        UnaryOp::Log => x.ln(),
        UnaryOp::Sin => x.sin(),
        UnaryOp::Cos => x.cos(),
        UnaryOp::Tanh => x.tanh(),
        UnaryOp::Sigmoid => sigmoid(x),
        UnaryOp::Relu => maximum(x, 0.0),
        UnaryOp::Silu => x * sigmoid(x),
        UnaryOp::Gelu => x / 2.0 * (1.0 + libm::erf(x / 2f64.sqrt())),
        UnaryOp::GeluTanh => x / 2.0 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh()),
        UnaryOp::Erf => libm::erf(x),
    }
}

/// The greater of two numbers, or NaN if one of them is.
fn maximum(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

fn sigmoid(x: f64) -> f64 {
    (1.0 + (-x).exp()).recip()
}

fn binary(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Maximum => maximum(a, b),
        BinaryOp::Minimum => -maximum(-a, -b),
    }
}

fn compare(op: CompareOp, a: f64, b: f64) -> bool {
    match op {
        CompareOp::Eq => a == b,
        CompareOp::Ne => a != b,
        CompareOp::Lt => a < b,
        CompareOp::Le => a <= b,
        CompareOp::Gt => a > b,
        CompareOp::Ge => a >= b,
    }
}

/// The nearest value of a type, as f64.
#[must_use]
pub fn round(dtype: DType, x: f64) -> f64 {
    match dtype {
        DType::F64 => x,
        DType::F32 => f64::from(x as f32),
        DType::BF16 => f64::from(bf16::from_f64(x)),
        DType::F16 => f64::from(f16::from_f64(x)),
        DType::I64 => x as i64 as f64,
        DType::U32 => f64::from(x as u32),
        DType::Bool => f64::from(u8::from(x != 0.0)),
        // This device reads blocks, but makes none.
        DType::Q8_0 | DType::Q4_0 => f64::NAN,
    }
}

/// An element's little-endian bytes.
#[must_use]
pub fn encode(dtype: DType, x: f64) -> Vec<u8> {
    match dtype {
        DType::F64 => x.to_le_bytes().to_vec(),
        DType::F32 => (x as f32).to_le_bytes().to_vec(),
        DType::BF16 => bf16::from_f64(x).to_le_bytes().to_vec(),
        DType::F16 => f16::from_f64(x).to_le_bytes().to_vec(),
        DType::I64 => (x as i64).to_le_bytes().to_vec(),
        DType::U32 => (x as u32).to_le_bytes().to_vec(),
        DType::Bool => vec![u8::from(x != 0.0)],
        DType::Q8_0 | DType::Q4_0 => Vec::new(),
    }
}
