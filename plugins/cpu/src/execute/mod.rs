//! From instructions to kernels.

mod blocks;
mod elements;
pub(crate) mod fused;
mod layout;
mod products;
mod quantized;
mod training;

use scaledown_sdk::tensor::{Op, Value};
use scaledown_sdk::{Error, Result, TensorSpec};

use crate::fused::Adapter;
use crate::optimizer::AdamW;
use crate::storage::{Buffer, Scalar, Scratch};

/// The name under which the device is found.
pub(crate) const NAME: &str = "cpu";

/// Evaluates an expression with a type name bound to the Rust type of a floating-point element
/// type.
macro_rules! for_float {
    ($op:expr, $dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            scaledown_sdk::DType::F64 => {
                type $type = f64;
                $body
            }
            scaledown_sdk::DType::F32 => {
                type $type = f32;
                $body
            }
            scaledown_sdk::DType::BF16 => {
                type $type = half::bf16;
                $body
            }
            scaledown_sdk::DType::F16 => {
                type $type = half::f16;
                $body
            }
            other => Err($crate::execute::unsupported($op, other)),
        }
    };
}

/// As `for_float`, for the types that have arithmetic.
macro_rules! for_number {
    ($op:expr, $dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            scaledown_sdk::DType::I64 => { type $type = i64; $body }
            scaledown_sdk::DType::U32 => { type $type = u32; $body }
            float => $crate::execute::for_float!($op, float, $type => $body),
        }
    };
}

/// As `for_float`, for all types.
macro_rules! for_any {
    ($op:expr, $dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            scaledown_sdk::DType::Bool => { type $type = u8; $body }
            number => $crate::execute::for_number!($op, number, $type => $body),
        }
    };
}

/// As `for_float`, for floats that are computed in f32.
macro_rules! for_narrow {
    ($op:expr, $dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            scaledown_sdk::DType::F32 => {
                type $type = f32;
                $body
            }
            scaledown_sdk::DType::BF16 => {
                type $type = half::bf16;
                $body
            }
            scaledown_sdk::DType::F16 => {
                type $type = half::f16;
                $body
            }
            other => Err($crate::execute::unsupported($op, other)),
        }
    };
}

/// Evaluates an expression with a type name bound to the format of a quantised element type.
macro_rules! for_block {
    ($op:expr, $dtype:expr, $format:ident => $body:expr) => {
        match $dtype {
            scaledown_sdk::DType::Q8_0 => {
                type $format = scaledown_sdk::tensor::Q8_0;
                $body
            }
            scaledown_sdk::DType::Q4_0 => {
                type $format = scaledown_sdk::tensor::Q4_0;
                $body
            }
            other => Err($crate::execute::unsupported($op, other)),
        }
    };
}

pub(crate) use {for_any, for_block, for_float, for_narrow, for_number};

/// Runs one instruction.
pub(crate) fn execute(op: &Op, mut inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Buffer>> {
    let [first, ..] = outputs else { return Ok(Vec::new()) };
    let call = Call { op, output: first };
    let one = match op {
        Op::Fill { value, .. } => call.fill(*value),
        Op::Arange { start, len } => call.arange(*start, *len),
        Op::Uniform { seed, .. } => call.uniform(*seed),
        Op::Reshape { .. } => call.copy(&inputs),
        Op::Permute { dims } => call.permute(&inputs, dims),
        Op::Broadcast { .. } => call.broadcast(&inputs),
        Op::Slice { dim, start, .. } => call.slice(&inputs, *dim, *start),
        Op::WriteSlice { dim, start } => call.write_slice(inputs, *dim, *start),
        Op::Concat { dim } => call.concat(&inputs, *dim),
        Op::Cast { .. } => call.cast(&inputs),
        Op::Unary(function) => call.unary(inputs, *function),
        Op::Affine { mul, add } => call.affine(inputs, *mul, *add),
        Op::Binary(function) => call.binary(inputs, *function),
        Op::Compare(relation) => call.compare(&inputs, *relation),
        Op::Select => call.select(&inputs),
        Op::Reduce { op: reduction, dims, .. } => call.reduce(&inputs, *reduction, dims),
        Op::ArgMax => call.arg_max(&inputs),
        Op::TopK { k } => return call.top_k(&inputs, *k),
        Op::MatMul { transpose_a, transpose_b } => call.matmul(&inputs, *transpose_a, *transpose_b),
        Op::Linear => call.linear(&inputs),
        Op::Embedding => call.embedding(&inputs),
        Op::EmbeddingBackward { rows } => call.embedding_backward(&inputs, *rows),
        Op::RmsNorm { eps } => call.rms_norm(&inputs, *eps),
        Op::LayerNorm { eps } => call.layer_norm(&inputs, *eps),
        Op::Softmax => call.softmax(&inputs),
        Op::SoftmaxBackward => call.softmax_backward(&inputs),
        Op::Rope { inverse } => call.rope(&inputs, *inverse),
        Op::Gated(function) if inputs.len() == 1 => call.gated_halves(&inputs, *function),
        Op::Gated(function) => call.gated(&inputs, *function),
        Op::Dropout { p, seed } => call.dropout(&inputs, *p, *seed),
        Op::CrossEntropyBackward => call.cross_entropy_backward(&inputs),
        Op::SumSquares => call.sum_squares(&inputs),
        Op::RmsNormBackward { eps, input, weight } => return call.rms_norm_backward(&inputs, *eps, *input, *weight),
        Op::LayerNormBackward { eps, input, weight } => return call.layer_norm_backward(&inputs, *eps, *input, *weight),
        Op::GatedBackward(function) if inputs.len() == 2 => call.gated_halves_backward(&inputs, *function),
        Op::GatedBackward(function) => return call.gated_backward(&inputs, *function),
        Op::Attention(spec) => return call.attention(&inputs, spec),
        Op::AttentionBackward(spec) => return call.attention_backward(&inputs, spec),
        Op::CrossEntropy => return call.cross_entropy(&inputs),
        Op::AdamW { beta1, beta2, eps, weight_decay, masters, lr, step } => {
            let (lr, beta1, beta2, eps, weight_decay, step) = (*lr, *beta1, *beta2, *eps, *weight_decay, *step);
            let settings = AdamW { lr, beta1, beta2, eps, weight_decay, step, grad_scale: 1.0 };
            return call.adamw(std::mem::take(&mut inputs), settings, *masters);
        }
        Op::Adapter { scale, p, seed } => {
            let adapter = Adapter { scale: *scale, dropout: call.dropout_of(&inputs, 1, *p, *seed)? };
            return call.adapter(std::mem::take(&mut inputs), adapter, outputs);
        }
        Op::AdapterBackward { scale, p, input, down, up, seed } => {
            let adapter = Adapter { scale: *scale, dropout: call.dropout_of(&inputs, 0, *p, *seed)? };
            return call.adapter_backward(&inputs, adapter, [*input, *down, *up]);
        }
        Op::AddRmsNorm { eps } => return call.add_rms_norm(&inputs, *eps),
        Op::AddLayerNorm { eps } => return call.add_layer_norm(&inputs, *eps),
        Op::AddRmsNormBackward { eps, input, weight } => return call.add_rms_norm_backward(&inputs, *eps, *input, *weight),
        Op::AddLayerNormBackward { eps, input, weight } => {
            return call.add_layer_norm_backward(&inputs, *eps, *input, *weight);
        }
        Op::BiasActivation(function) => call.bias_activation(&inputs, *function),
        Op::BiasActivationBackward { function, input, bias } => {
            return call.bias_activation_backward(&inputs, *function, (*input, *bias));
        }
        // Its decomposition moves each element once, as a kernel would.
        Op::Split { .. } => call.fail("it is to be decomposed"),
    };
    Ok(vec![one?])
}

/// One instruction under way: what every kernel's preparation needs of it.
#[derive(Clone, Copy)]
struct Call<'a> {
    op: &'a Op,
    /// The specification of the first output.
    output: &'a TensorSpec,
}

impl Call<'_> {
    /// An error of this instruction.
    fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(Error::Device { device: NAME.to_owned(), op: self.op.name(), message: message.into() })
    }

    /// Input `index`.
    fn input<'v>(&self, inputs: &'v [Value], index: usize) -> Result<&'v Value> {
        match inputs.get(index) {
            Some(value) => Ok(value),
            None => self.fail(format!("expected more than {index} inputs, got {}", inputs.len())),
        }
    }

    /// The elements of a value.
    fn elements<'v, T: Scalar>(&self, value: &'v Value) -> Result<&'v [T]> {
        match value.get::<Buffer>().and_then(Buffer::slice) {
            Some(elements) => Ok(elements),
            None => self.fail(format!("the elements of an input {} are not stored as {} on this device", value.spec, T::DTYPE)),
        }
    }

    /// The elements of input `index`.
    fn get<'v, T: Scalar>(&self, inputs: &'v [Value], index: usize) -> Result<&'v [T]> {
        self.elements(self.input(inputs, index)?)
    }

    /// The elements of input `index`, if there is one.
    fn optional<'v, T: Scalar>(&self, inputs: &'v [Value], index: usize) -> Result<Option<&'v [T]>> {
        inputs.get(index).map(|value| self.elements(value)).transpose()
    }

    /// The elements of a value to overwrite: its own if no other tensor shares them, else a copy.
    fn owned<T: Scalar>(&self, value: Value) -> Result<Buffer> {
        match value.take::<Buffer>() {
            Ok(buffer) => Ok(buffer),
            Err(shared) => Ok(Scratch::<T>::copy_of(self.elements(&shared)?).into_buffer()),
        }
    }

    /// The elements of a buffer for writing.
    fn writable<'b, T: Scalar>(&self, buffer: &'b mut Buffer) -> Result<&'b mut [T]> {
        match buffer.slice_mut() {
            Some(elements) => Ok(elements),
            None => self.fail(format!("an input to be overwritten is not stored as {} on this device", T::DTYPE)),
        }
    }

    /// A first output that `write` fills.
    fn build<T: Scalar>(&self, write: impl FnOnce(&mut [T])) -> Result<Buffer> {
        let mut out = Scratch::new(self.output.shape.count());
        write(&mut out);
        Ok(out.into_buffer())
    }
}

/// The error of an element type that an instruction has no kernel for.
fn unsupported(op: &Op, dtype: scaledown_sdk::DType) -> Error {
    Error::Device { device: NAME.to_owned(), op: op.name(), message: format!("no kernel for elements of {dtype}") }
}
