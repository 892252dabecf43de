//! Instructions as calls of the host.

use super::bindings::scaledown::plugin::instructions as host;
use super::bindings::scaledown::plugin::tensor::{Dtype, Tensor as Handle};
use super::bindings::scaledown::plugin::types::Error as WitError;
use super::error::from_host;
use crate::tensor::{BinaryOp, CompareOp, DType, GatedOp, Op, ReduceOp, Shape, Tensor, UnaryOp};
use crate::{Error, Result};

type InstructionResult<T> = std::result::Result<T, WitError>;

/// The inputs of an instruction, whose number [`infer`](crate::tensor::infer) has checked.
struct InputHandles(Vec<Tensor>);

impl InputHandles {
    fn at(&self, place: usize) -> &Handle {
        self.0[place].handle()
    }

    fn perhaps(&self, place: usize) -> Option<&Handle> {
        self.0.get(place).map(Tensor::handle)
    }

    fn all(&self) -> Vec<&Handle> {
        self.0.iter().map(Tensor::handle).collect()
    }

    /// Gives the first input away, so that the host may overwrite it.
    fn give_first(&mut self) -> Handle {
        self.0.remove(0).into_handle()
    }
}

/// Runs an instruction on inputs that fit it, and returns its outputs.
pub(crate) fn run(op: &Op, inputs: Vec<Tensor>) -> Result<Vec<Handle>> {
    let x = InputHandles(inputs);
    let outputs = match op {
        Op::Fill { shape, dtype, value } => one(host::fill(&shape_to_wit(shape), dtype_to_wit(*dtype), *value)),
        Op::Arange { start, len } => one(host::arange(*start, *len as u64)),
        Op::Uniform { shape, seed } => one(host::uniform(&shape_to_wit(shape), *seed)),
        Op::Reshape { shape } => one(host::reshape(x.at(0), &shape_to_wit(shape))),
        Op::Permute { dims } => one(host::permute(x.at(0), &sizes(dims))),
        Op::Broadcast { shape } => one(host::broadcast(x.at(0), &shape_to_wit(shape))),
        Op::Slice { dim, start, len } => one(host::slice(x.at(0), *dim as u64, *start as u64, *len as u64)),
        Op::Split { dim, sizes } => host::split(x.at(0), *dim as u64, &self::sizes(sizes)),
        Op::WriteSlice { dim, start } => one(write_slice(x, *dim, *start)),
        Op::Concat { dim } => one(host::concat(&x.all(), *dim as u64)),
        Op::Cast { dtype } => one(host::cast(x.at(0), dtype_to_wit(*dtype))),
        Op::Unary(function) => one(unary(*function, x.at(0))),
        Op::Affine { mul, add } => one(host::affine(x.at(0), *mul, *add)),
        Op::Binary(function) => one(binary(*function, x.at(0), x.at(1))),
        Op::Compare(function) => one(compare(*function, x.at(0), x.at(1))),
        Op::Select => one(host::select(x.at(0), x.at(1), x.at(2))),
        Op::Reduce { op, dims, keep } => one(reduce(*op, x.at(0), &sizes(dims), *keep)),
        Op::ArgMax => one(host::arg_max(x.at(0))),
        Op::TopK { k } => two(host::top_k(x.at(0), *k as u64)),
        Op::MatMul { transpose_a, transpose_b } => one(host::matmul(x.at(0), x.at(1), *transpose_a, *transpose_b)),
        Op::Linear => one(host::linear(x.at(0), x.at(1), x.perhaps(2))),
        Op::Adapter { scale, p, seed } => two(adapter(x, *scale, *p, *seed)),
        Op::Embedding => one(host::embedding(x.at(0), x.at(1))),
        Op::RmsNorm { eps } => one(host::rms_norm(x.at(0), x.at(1), *eps)),
        Op::AddRmsNorm { eps } => two(host::add_rms_norm(x.at(0), x.at(1), x.at(2), *eps)),
        Op::LayerNorm { eps } => one(host::layer_norm(x.at(0), x.at(1), x.perhaps(2), *eps)),
        Op::AddLayerNorm { eps } => two(host::add_layer_norm(x.at(0), x.at(1), x.at(2), x.perhaps(3), *eps)),
        Op::Softmax => one(host::softmax(x.at(0))),
        Op::Rope { inverse } => one(host::rope(x.at(0), x.at(1), x.at(2), *inverse)),
        Op::BiasActivation(function) => one(bias_activation(*function, x.at(0), x.at(1))),
        Op::Gated(function) => one(gated(*function, x.at(0), x.perhaps(1))),
        Op::Attention(spec) => {
            let places = 3 + usize::from(spec.spans);
            let spans = if spec.spans { x.perhaps(3) } else { None };
            let (q, k) = if spec.positions { (x.perhaps(places), x.perhaps(places + 1)) } else { (None, None) };
            let window = spec.window.map(|window| window as u64);
            two(host::attention(x.at(0), x.at(1), x.at(2), spans, q, k, spec.scale, spec.causal, window))
        }
        Op::Dropout { p, seed } => one(host::dropout(x.at(0), *p, *seed)),
        Op::CrossEntropy => two(host::cross_entropy(x.at(0), x.at(1))),
        Op::SumSquares => one(host::sum_squares(&x.all())),
        Op::AdapterBackward { .. }
        | Op::EmbeddingBackward { .. }
        | Op::RmsNormBackward { .. }
        | Op::AddRmsNormBackward { .. }
        | Op::LayerNormBackward { .. }
        | Op::AddLayerNormBackward { .. }
        | Op::SoftmaxBackward
        | Op::BiasActivationBackward { .. }
        | Op::GatedBackward(_)
        | Op::AttentionBackward(_)
        | Op::CrossEntropyBackward
        | Op::AdamW { .. } => return Err(Error::Input(format!("{} is an instruction of the host alone", op.name()))),
    };
    outputs.map_err(|error| from_host(op.name(), error))
}

fn one(answer: InstructionResult<Handle>) -> InstructionResult<Vec<Handle>> {
    answer.map(|output| vec![output])
}

fn two(answer: InstructionResult<(Handle, Handle)>) -> InstructionResult<Vec<Handle>> {
    answer.map(|(first, second)| vec![first, second])
}

fn write_slice(mut x: InputHandles, dim: usize, start: usize) -> InstructionResult<Handle> {
    let base = x.give_first();
    host::write_slice(base, x.at(0), dim as u64, start as u64)
}

fn adapter(mut x: InputHandles, scale: f64, p: f64, seed: u64) -> InstructionResult<(Handle, Handle)> {
    let y = x.give_first();
    host::adapter(y, x.at(0), x.at(1), x.at(2), scale, p, seed)
}

fn sizes(sizes: &[usize]) -> Vec<u64> {
    sizes.iter().map(|&size| size as u64).collect()
}

fn unary(function: UnaryOp, x: &Handle) -> InstructionResult<Handle> {
    match function {
        UnaryOp::Neg => host::neg(x),
        UnaryOp::Abs => host::abs(x),
        UnaryOp::Square => host::square(x),
        UnaryOp::Sqrt => host::sqrt(x),
        UnaryOp::Rsqrt => host::rsqrt(x),
        UnaryOp::Recip => host::recip(x),
        UnaryOp::Exp => host::exp(x),
        UnaryOp::Log => host::log(x),
        UnaryOp::Sin => host::sin(x),
        UnaryOp::Cos => host::cos(x),
        UnaryOp::Tanh => host::tanh(x),
        UnaryOp::Sigmoid => host::sigmoid(x),
        UnaryOp::Relu => host::relu(x),
        UnaryOp::Silu => host::silu(x),
        UnaryOp::Gelu => host::gelu(x),
        UnaryOp::GeluTanh => host::gelu_tanh(x),
        UnaryOp::Erf => host::erf(x),
    }
}

fn binary(function: BinaryOp, a: &Handle, b: &Handle) -> InstructionResult<Handle> {
    match function {
        BinaryOp::Add => host::add(a, b),
        BinaryOp::Sub => host::sub(a, b),
        BinaryOp::Mul => host::mul(a, b),
        BinaryOp::Div => host::div(a, b),
        BinaryOp::Maximum => host::maximum(a, b),
        BinaryOp::Minimum => host::minimum(a, b),
    }
}

fn compare(function: CompareOp, a: &Handle, b: &Handle) -> InstructionResult<Handle> {
    match function {
        CompareOp::Eq => host::eq(a, b),
        CompareOp::Ne => host::ne(a, b),
        CompareOp::Lt => host::lt(a, b),
        CompareOp::Le => host::le(a, b),
        CompareOp::Gt => host::gt(a, b),
        CompareOp::Ge => host::ge(a, b),
    }
}

fn reduce(function: ReduceOp, x: &Handle, dims: &[u64], keep: bool) -> InstructionResult<Handle> {
    match function {
        ReduceOp::Sum => host::reduce_sum(x, dims, keep),
        ReduceOp::Mean => host::reduce_mean(x, dims, keep),
        ReduceOp::Max => host::reduce_max(x, dims, keep),
    }
}

fn bias_activation(function: UnaryOp, x: &Handle, bias: &Handle) -> InstructionResult<Handle> {
    match function {
        UnaryOp::Neg => host::bias_activation_neg(x, bias),
        UnaryOp::Abs => host::bias_activation_abs(x, bias),
        UnaryOp::Square => host::bias_activation_square(x, bias),
        UnaryOp::Sqrt => host::bias_activation_sqrt(x, bias),
        UnaryOp::Rsqrt => host::bias_activation_rsqrt(x, bias),
        UnaryOp::Recip => host::bias_activation_recip(x, bias),
        UnaryOp::Exp => host::bias_activation_exp(x, bias),
        UnaryOp::Log => host::bias_activation_log(x, bias),
        UnaryOp::Sin => host::bias_activation_sin(x, bias),
        UnaryOp::Cos => host::bias_activation_cos(x, bias),
        UnaryOp::Tanh => host::bias_activation_tanh(x, bias),
        UnaryOp::Sigmoid => host::bias_activation_sigmoid(x, bias),
        UnaryOp::Relu => host::bias_activation_relu(x, bias),
        UnaryOp::Silu => host::bias_activation_silu(x, bias),
        UnaryOp::Gelu => host::bias_activation_gelu(x, bias),
        UnaryOp::GeluTanh => host::bias_activation_gelu_tanh(x, bias),
        UnaryOp::Erf => host::bias_activation_erf(x, bias),
    }
}

fn gated(function: GatedOp, gate: &Handle, up: Option<&Handle>) -> InstructionResult<Handle> {
    match function {
        GatedOp::Silu => host::gated_silu(gate, up),
        GatedOp::Gelu => host::gated_gelu(gate, up),
        GatedOp::GeluTanh => host::gated_gelu_tanh(gate, up),
    }
}

/// The shape in the interface's words.
pub(crate) fn shape_to_wit(shape: &Shape) -> Vec<u64> {
    shape.dims().iter().map(|&extent| extent as u64).collect()
}

/// The shape that the interface's words mean. The host's extents fit a guest's address space, or
/// the guest could not name them.
pub(crate) fn shape_from_wit(shape: &[u64]) -> Shape {
    Shape::from(shape.iter().map(|&extent| usize::try_from(extent).unwrap_or(usize::MAX)).collect::<Vec<_>>())
}

/// The element type in the interface's words.
pub(crate) fn dtype_to_wit(dtype: DType) -> Dtype {
    match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::BF16 => Dtype::Bf16,
        DType::F16 => Dtype::F16,
        DType::I64 => Dtype::I64,
        DType::U32 => Dtype::U32,
        DType::Bool => Dtype::Boolean,
    }
}

/// The element type that the interface's word means.
pub(crate) fn dtype_from_wit(dtype: Dtype) -> DType {
    match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::Bf16 => DType::BF16,
        Dtype::F16 => DType::F16,
        Dtype::I64 => DType::I64,
        Dtype::U32 => DType::U32,
        Dtype::Boolean => DType::Bool,
    }
}
