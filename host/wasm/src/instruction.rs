//! Instructions as the WIT interface writes them.

use scaledown_sdk::tensor::{AttentionSpec, BinaryOp, CompareOp, GatedOp, ReduceOp, UnaryOp};
use scaledown_sdk::{DType, Op, Shape};

use super::bindings::scaledown::plugin::tensor as wit;

/// The instruction that the interface's words mean.
pub(super) fn op(op: wit::Op) -> Op {
    match op {
        wit::Op::Fill(wit::Fill { shape, dtype: kind, value }) => {
            Op::Fill { shape: self::shape(&shape), dtype: dtype(kind), value }
        }
        wit::Op::Arange(wit::Arange { start, len }) => Op::Arange { start, len: size(len) },
        wit::Op::Uniform(wit::Uniform { shape, seed }) => Op::Uniform { shape: self::shape(&shape), seed },
        wit::Op::Reshape(shape) => Op::Reshape { shape: self::shape(&shape) },
        wit::Op::Permute(dims) => Op::Permute { dims: self::dims(&dims) },
        wit::Op::Broadcast(shape) => Op::Broadcast { shape: self::shape(&shape) },
        wit::Op::Slice(wit::Slice { dim, start, len }) => Op::Slice { dim: dim as usize, start: size(start), len: size(len) },
        wit::Op::WriteSlice(wit::WriteSlice { dim, start }) => Op::WriteSlice { dim: dim as usize, start: size(start) },
        wit::Op::Concat(dim) => Op::Concat { dim: dim as usize },
        wit::Op::Cast(kind) => Op::Cast { dtype: dtype(kind) },
        wit::Op::Unary(op) => Op::Unary(unary(op)),
        wit::Op::Affine(wit::Affine { mul, add }) => Op::Affine { mul, add },
        wit::Op::Binary(op) => Op::Binary(binary(op)),
        wit::Op::Compare(op) => Op::Compare(compare(op)),
        wit::Op::Select => Op::Select,
        wit::Op::Reduce(wit::Reduce { op, dims, keep }) => Op::Reduce { op: reduce(op), dims: self::dims(&dims), keep },
        wit::Op::ArgMax => Op::ArgMax,
        wit::Op::MatMul(wit::MatMul { transpose_a, transpose_b }) => Op::MatMul { transpose_a, transpose_b },
        wit::Op::Linear => Op::Linear,
        wit::Op::Embedding => Op::Embedding,
        wit::Op::EmbeddingBackward(rows) => Op::EmbeddingBackward { rows: size(rows) },
        wit::Op::RmsNorm(eps) => Op::RmsNorm { eps },
        wit::Op::RmsNormBackward(wit::NormBackward { eps, input, weight }) => Op::RmsNormBackward { eps, input, weight },
        wit::Op::LayerNorm(eps) => Op::LayerNorm { eps },
        wit::Op::LayerNormBackward(wit::NormBackward { eps, input, weight }) => Op::LayerNormBackward { eps, input, weight },
        wit::Op::Softmax => Op::Softmax,
        wit::Op::SoftmaxBackward => Op::SoftmaxBackward,
        wit::Op::Rope(inverse) => Op::Rope { inverse },
        wit::Op::Gated(op) => Op::Gated(gated(op)),
        wit::Op::GatedBackward(op) => Op::GatedBackward(gated(op)),
        wit::Op::Attention(spec) => Op::Attention(attention(spec)),
        wit::Op::AttentionBackward(spec) => Op::AttentionBackward(attention(spec)),
        wit::Op::Dropout(wit::Dropout { p, seed }) => Op::Dropout { p, seed },
        wit::Op::CrossEntropy => Op::CrossEntropy,
        wit::Op::CrossEntropyBackward => Op::CrossEntropyBackward,
        wit::Op::SumSquares => Op::SumSquares,
    }
}

/// The shape that the interface's words mean.
pub(super) fn shape(shape: &[u64]) -> Shape {
    Shape::from(shape.iter().map(|&extent| size(extent)).collect::<Vec<_>>())
}

/// A size beyond the address space becomes the greatest there is, which every instruction refuses.
fn size(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn dims(dims: &[u32]) -> Vec<usize> {
    dims.iter().map(|&dim| dim as usize).collect()
}

fn attention(spec: wit::Attention) -> AttentionSpec {
    let wit::Attention { scale, causal, window, spans, positions } = spec;
    AttentionSpec { scale, causal, window: window.map(size), spans, positions }
}

/// The element type that the interface's word means.
pub(super) fn dtype(dtype: wit::Dtype) -> DType {
    match dtype {
        wit::Dtype::F64 => DType::F64,
        wit::Dtype::F32 => DType::F32,
        wit::Dtype::Bf16 => DType::BF16,
        wit::Dtype::F16 => DType::F16,
        wit::Dtype::I64 => DType::I64,
        wit::Dtype::U32 => DType::U32,
        wit::Dtype::Boolean => DType::Bool,
    }
}

/// The element type in the interface's words.
///
/// # Errors
/// If it is quantised, which components do not know.
pub(super) fn dtype_to_wit(dtype: DType) -> wasmtime::Result<wit::Dtype> {
    Ok(match dtype {
        DType::F64 => wit::Dtype::F64,
        DType::F32 => wit::Dtype::F32,
        DType::BF16 => wit::Dtype::Bf16,
        DType::F16 => wit::Dtype::F16,
        DType::I64 => wit::Dtype::I64,
        DType::U32 => wit::Dtype::U32,
        DType::Bool => wit::Dtype::Boolean,
        DType::Q8_0 | DType::Q4_0 => {
            wasmtime::bail!("a tensor of {dtype} is handed to a component, which does not know such types")
        }
    })
}

fn unary(op: wit::UnaryOp) -> UnaryOp {
    match op {
        wit::UnaryOp::Neg => UnaryOp::Neg,
        wit::UnaryOp::Abs => UnaryOp::Abs,
        wit::UnaryOp::Square => UnaryOp::Square,
        wit::UnaryOp::Sqrt => UnaryOp::Sqrt,
        wit::UnaryOp::Rsqrt => UnaryOp::Rsqrt,
        wit::UnaryOp::Recip => UnaryOp::Recip,
        wit::UnaryOp::Exp => UnaryOp::Exp,
        wit::UnaryOp::Log => UnaryOp::Log,
        wit::UnaryOp::Sin => UnaryOp::Sin,
        wit::UnaryOp::Cos => UnaryOp::Cos,
        wit::UnaryOp::Tanh => UnaryOp::Tanh,
        wit::UnaryOp::Sigmoid => UnaryOp::Sigmoid,
        wit::UnaryOp::Relu => UnaryOp::Relu,
        wit::UnaryOp::Silu => UnaryOp::Silu,
        wit::UnaryOp::Gelu => UnaryOp::Gelu,
        wit::UnaryOp::GeluTanh => UnaryOp::GeluTanh,
        wit::UnaryOp::Erf => UnaryOp::Erf,
    }
}

fn binary(op: wit::BinaryOp) -> BinaryOp {
    match op {
        wit::BinaryOp::Add => BinaryOp::Add,
        wit::BinaryOp::Sub => BinaryOp::Sub,
        wit::BinaryOp::Mul => BinaryOp::Mul,
        wit::BinaryOp::Div => BinaryOp::Div,
        wit::BinaryOp::Maximum => BinaryOp::Maximum,
        wit::BinaryOp::Minimum => BinaryOp::Minimum,
    }
}

fn compare(op: wit::CompareOp) -> CompareOp {
    match op {
        wit::CompareOp::Eq => CompareOp::Eq,
        wit::CompareOp::Ne => CompareOp::Ne,
        wit::CompareOp::Lt => CompareOp::Lt,
        wit::CompareOp::Le => CompareOp::Le,
        wit::CompareOp::Gt => CompareOp::Gt,
        wit::CompareOp::Ge => CompareOp::Ge,
    }
}

fn reduce(op: wit::ReduceOp) -> ReduceOp {
    match op {
        wit::ReduceOp::Sum => ReduceOp::Sum,
        wit::ReduceOp::Mean => ReduceOp::Mean,
        wit::ReduceOp::Max => ReduceOp::Max,
    }
}

fn gated(op: wit::GatedOp) -> GatedOp {
    match op {
        wit::GatedOp::Silu => GatedOp::Silu,
        wit::GatedOp::Gelu => GatedOp::Gelu,
        wit::GatedOp::GeluTanh => GatedOp::GeluTanh,
    }
}
