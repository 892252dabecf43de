//! Instructions as the WIT interface writes them.

use super::bindings::scaledown::plugin::tensor as wit;
use crate::tensor::{AttentionSpec, BinaryOp, CompareOp, DType, GatedOp, Op, ReduceOp, Shape, UnaryOp};
use crate::{Error, Result};

/// The instruction in the interface's words.
pub(crate) fn op_to_wit(op: &Op) -> Result<wit::Op> {
    Ok(match op {
        Op::Fill { shape, dtype, value } => {
            wit::Op::Fill(wit::Fill { shape: shape_to_wit(shape), dtype: dtype_to_wit(*dtype), value: *value })
        }
        Op::Arange { start, len } => wit::Op::Arange(wit::Arange { start: *start, len: *len as u64 }),
        Op::Uniform { shape, seed } => wit::Op::Uniform(wit::Uniform { shape: shape_to_wit(shape), seed: *seed }),
        Op::Reshape { shape } => wit::Op::Reshape(shape_to_wit(shape)),
        Op::Permute { dims } => wit::Op::Permute(dims_to_wit(dims)),
        Op::Broadcast { shape } => wit::Op::Broadcast(shape_to_wit(shape)),
        Op::Slice { dim, start, len } => {
            wit::Op::Slice(wit::Slice { dim: dim_to_wit(*dim), start: *start as u64, len: *len as u64 })
        }
        Op::WriteSlice { dim, start } => wit::Op::WriteSlice(wit::WriteSlice { dim: dim_to_wit(*dim), start: *start as u64 }),
        Op::Concat { dim } => wit::Op::Concat(dim_to_wit(*dim)),
        Op::Cast { dtype } => wit::Op::Cast(dtype_to_wit(*dtype)),
        Op::Unary(op) => wit::Op::Unary(unary(*op)),
        Op::Affine { mul, add } => wit::Op::Affine(wit::Affine { mul: *mul, add: *add }),
        Op::Binary(op) => wit::Op::Binary(binary(*op)),
        Op::Compare(op) => wit::Op::Compare(compare(*op)),
        Op::Select => wit::Op::Select,
        Op::Reduce { op, dims, keep } => wit::Op::Reduce(wit::Reduce { op: reduce(*op), dims: dims_to_wit(dims), keep: *keep }),
        Op::ArgMax => wit::Op::ArgMax,
        Op::MatMul { transpose_a, transpose_b } => {
            wit::Op::MatMul(wit::MatMul { transpose_a: *transpose_a, transpose_b: *transpose_b })
        }
        Op::Linear => wit::Op::Linear,
        Op::Embedding => wit::Op::Embedding,
        Op::EmbeddingBackward { rows } => wit::Op::EmbeddingBackward(*rows as u64),
        Op::RmsNorm { eps } => wit::Op::RmsNorm(*eps),
        Op::RmsNormBackward { eps, input, weight } => wit::Op::RmsNormBackward(norm_backward(*eps, *input, *weight)),
        Op::LayerNorm { eps } => wit::Op::LayerNorm(*eps),
        Op::LayerNormBackward { eps, input, weight } => wit::Op::LayerNormBackward(norm_backward(*eps, *input, *weight)),
        Op::Softmax => wit::Op::Softmax,
        Op::SoftmaxBackward => wit::Op::SoftmaxBackward,
        Op::Rope { inverse } => wit::Op::Rope(*inverse),
        Op::Gated(op) => wit::Op::Gated(gated(*op)),
        Op::GatedBackward(op) => wit::Op::GatedBackward(gated(*op)),
        Op::Attention(spec) => wit::Op::Attention(attention(spec)),
        Op::AttentionBackward(spec) => wit::Op::AttentionBackward(attention(spec)),
        Op::Dropout { p, seed } => wit::Op::Dropout(wit::Dropout { p: *p, seed: *seed }),
        Op::CrossEntropy => wit::Op::CrossEntropy,
        Op::CrossEntropyBackward => wit::Op::CrossEntropyBackward,
        Op::SumSquares => wit::Op::SumSquares,
        other => return Err(Error::Input(format!("the plugin interface has no {}", other.name()))),
    })
}

/// The shape in the interface's words.
pub(crate) fn shape_to_wit(shape: &Shape) -> wit::Shape {
    shape.dims().iter().map(|&extent| extent as u64).collect()
}

/// The shape that the interface's words mean. The host's extents fit a guest's address space, or the guest could not name them.
pub(crate) fn shape_from_wit(shape: &[u64]) -> Shape {
    Shape::from(shape.iter().map(|&extent| usize::try_from(extent).unwrap_or(usize::MAX)).collect::<Vec<_>>())
}

/// A dimension beyond the interface's range is no dimension of any tensor, and stays none.
fn dim_to_wit(dim: usize) -> u32 {
    u32::try_from(dim).unwrap_or(u32::MAX)
}

fn dims_to_wit(dims: &[usize]) -> Vec<u32> {
    dims.iter().map(|&dim| dim_to_wit(dim)).collect()
}

fn norm_backward(eps: f64, input: bool, weight: bool) -> wit::NormBackward {
    wit::NormBackward { eps, input, weight }
}

fn attention(spec: &AttentionSpec) -> wit::Attention {
    let window = spec.window.map(|window| window as u64);
    wit::Attention { scale: spec.scale, causal: spec.causal, window, spans: spec.spans, positions: spec.positions }
}

/// The element type in the interface's words.
pub(crate) fn dtype_to_wit(dtype: DType) -> wit::Dtype {
    match dtype {
        DType::F64 => wit::Dtype::F64,
        DType::F32 => wit::Dtype::F32,
        DType::BF16 => wit::Dtype::Bf16,
        DType::F16 => wit::Dtype::F16,
        DType::I64 => wit::Dtype::I64,
        DType::U32 => wit::Dtype::U32,
        DType::Bool => wit::Dtype::Boolean,
    }
}

/// The element type that the interface's word means.
pub(crate) fn dtype_from_wit(dtype: wit::Dtype) -> DType {
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

fn unary(op: UnaryOp) -> wit::UnaryOp {
    match op {
        UnaryOp::Neg => wit::UnaryOp::Neg,
        UnaryOp::Abs => wit::UnaryOp::Abs,
        UnaryOp::Square => wit::UnaryOp::Square,
        UnaryOp::Sqrt => wit::UnaryOp::Sqrt,
        UnaryOp::Rsqrt => wit::UnaryOp::Rsqrt,
        UnaryOp::Recip => wit::UnaryOp::Recip,
        UnaryOp::Exp => wit::UnaryOp::Exp,
        UnaryOp::Log => wit::UnaryOp::Log,
        UnaryOp::Sin => wit::UnaryOp::Sin,
        UnaryOp::Cos => wit::UnaryOp::Cos,
        UnaryOp::Tanh => wit::UnaryOp::Tanh,
        UnaryOp::Sigmoid => wit::UnaryOp::Sigmoid,
        UnaryOp::Relu => wit::UnaryOp::Relu,
        UnaryOp::Silu => wit::UnaryOp::Silu,
        UnaryOp::Gelu => wit::UnaryOp::Gelu,
        UnaryOp::GeluTanh => wit::UnaryOp::GeluTanh,
        UnaryOp::Erf => wit::UnaryOp::Erf,
    }
}

fn binary(op: BinaryOp) -> wit::BinaryOp {
    match op {
        BinaryOp::Add => wit::BinaryOp::Add,
        BinaryOp::Sub => wit::BinaryOp::Sub,
        BinaryOp::Mul => wit::BinaryOp::Mul,
        BinaryOp::Div => wit::BinaryOp::Div,
        BinaryOp::Maximum => wit::BinaryOp::Maximum,
        BinaryOp::Minimum => wit::BinaryOp::Minimum,
    }
}

fn compare(op: CompareOp) -> wit::CompareOp {
    match op {
        CompareOp::Eq => wit::CompareOp::Eq,
        CompareOp::Ne => wit::CompareOp::Ne,
        CompareOp::Lt => wit::CompareOp::Lt,
        CompareOp::Le => wit::CompareOp::Le,
        CompareOp::Gt => wit::CompareOp::Gt,
        CompareOp::Ge => wit::CompareOp::Ge,
    }
}

fn reduce(op: ReduceOp) -> wit::ReduceOp {
    match op {
        ReduceOp::Sum => wit::ReduceOp::Sum,
        ReduceOp::Mean => wit::ReduceOp::Mean,
        ReduceOp::Max => wit::ReduceOp::Max,
    }
}

fn gated(op: GatedOp) -> wit::GatedOp {
    match op {
        GatedOp::Silu => wit::GatedOp::Silu,
        GatedOp::Gelu => wit::GatedOp::Gelu,
        GatedOp::GeluTanh => wit::GatedOp::GeluTanh,
    }
}
