//! From instructions to kernels.

mod attention;
mod blocks;
mod elements;
mod layout;
mod norm;
mod products;
mod quantized;
mod reduce;
mod rows;
mod strided;
mod training;

use std::sync::Arc;

use scaledown_sdk::tensor::{UnaryOp, Value};
use scaledown_sdk::{DType, Op, TensorSpec};

use crate::driver::{Driver, KernelArgument, Launch};
use crate::error::{CudaError, Result};
use crate::kernels::Kernel;
use crate::memory::{Buffer, Memory};

/// Threads of a block of most kernels.
const THREADS: usize = 256;

/// Bytes that a thread moves at once.
const PACK: usize = 16;

/// The most blocks of a grid in each dimension.
const MOST: [usize; 3] = [i32::MAX as usize, 65_535, 65_535];

/// One instruction under way.
pub(crate) struct Call<'a> {
    pub(crate) driver: &'a dyn Driver,
    pub(crate) memory: &'a Arc<Memory>,
    /// Where kernels report bad values.
    pub(crate) status: u64,
    pub(crate) outputs: &'a [TensorSpec],
}

/// The arguments of a kernel.
macro_rules! arguments {
    ($($value:expr),* $(,)?) => { &[$($crate::driver::KernelArgument::from($value)),*] };
}
pub(crate) use arguments;

/// Whether there is a kernel for this instruction on inputs of these types and shapes.
pub(crate) fn supports(op: &Op, inputs: &[TensorSpec]) -> bool {
    match op {
        Op::Attention(_) | Op::AttentionBackward(_) => inputs.first().is_none_or(|q| q.shape.last() <= attention::WIDEST),
        // Parts are slices.
        Op::Split { .. } => false,
        Op::BiasActivation(function) | Op::BiasActivationBackward { function, .. } => blocks::fuses(*function),
        _ => true,
    }
}

impl Call<'_> {
    /// Runs one instruction.
    pub(crate) fn run(&self, op: &Op, inputs: Vec<Value>) -> Result<Vec<Buffer>> {
        let x = &inputs;
        let one = match op {
            Op::Fill { value, .. } => self.fill(*value),
            Op::Arange { start, .. } => self.arange(*start),
            Op::Uniform { seed, .. } => self.uniform(*seed),
            Op::Reshape { .. } => self.duplicate(self.input(x, 0)?),
            Op::Permute { dims } => self.permute(x, dims),
            Op::Broadcast { .. } => self.broadcast(x),
            Op::Slice { dim, start, .. } => self.slice(x, *dim, *start),
            Op::WriteSlice { dim, start } => self.write_slice(inputs, *dim, *start),
            Op::Concat { dim } => self.concat(x, *dim),
            Op::Cast { .. } => self.cast(x),
            Op::Unary(function) => self.unary(x, *function),
            Op::Affine { mul, add } => self.affine(x, *mul, *add),
            Op::Binary(function) => self.binary(x, *function as i32),
            Op::Compare(relation) => self.compare(x, *relation as i32),
            Op::Select => self.select(x),
            Op::Reduce { op, dims, .. } => self.reduce(x, *op, dims),
            Op::ArgMax => self.arg_max(x),
            Op::TopK { k } => return self.top_k(x, *k),
            Op::MatMul { transpose_a, transpose_b } => self.matmul(x, *transpose_a, *transpose_b),
            Op::Linear => self.linear(x),
            Op::Adapter { scale, p, seed } => return self.adapter(inputs, *scale, (*p, *seed)),
            Op::AdapterBackward { scale, p, input, down, up, seed } => {
                return self.adapter_backward(x, *scale, (*p, *seed), [*input, *down, *up]);
            }
            Op::Embedding => self.embedding(x),
            Op::EmbeddingBackward { rows } => self.embedding_backward(x, *rows),
            Op::RmsNorm { eps } | Op::LayerNorm { eps } => return self.norm(op, x, *eps),
            Op::AddRmsNorm { eps } | Op::AddLayerNorm { eps } => return self.norm(op, x, *eps),
            Op::RmsNormBackward { eps, input, weight }
            | Op::LayerNormBackward { eps, input, weight }
            | Op::AddRmsNormBackward { eps, input, weight }
            | Op::AddLayerNormBackward { eps, input, weight } => return self.norm_backward(op, x, *eps, (*input, *weight)),
            Op::Softmax => self.softmax(x),
            Op::SoftmaxBackward => self.softmax_backward(x),
            Op::Rope { inverse } => self.rope(x, *inverse),
            Op::BiasActivation(function) => self.bias_activation(x, *function),
            Op::BiasActivationBackward { function, input, bias } => {
                return self.bias_activation_backward(x, *function, (*input, *bias));
            }
            Op::Gated(function) => self.gated(x, *function),
            Op::GatedBackward(function) => return self.gated_backward(x, *function),
            Op::Attention(spec) => return self.attention(x, spec),
            Op::AttentionBackward(spec) => return self.attention_backward(x, spec),
            Op::Dropout { p, seed } => self.dropout(self.input(x, 0)?, (*p, *seed)),
            Op::CrossEntropy => return self.cross_entropy(x),
            Op::CrossEntropyBackward => self.cross_entropy_backward(x),
            Op::SumSquares => self.sum_squares(x),
            Op::AdamW { beta1, beta2, eps, weight_decay, masters, lr, step } => {
                let settings = training::AdamW { betas: (*beta1, *beta2), eps: *eps, decay: *weight_decay, lr: *lr, step: *step };
                return self.adamw(inputs, &settings, *masters);
            }
            Op::Split { .. } => Err(CudaError::Unsupported("there is no kernel for split".into())),
        };
        one.map(|output| vec![output])
    }

    /// Input `index`.
    fn input<'v>(&self, inputs: &'v [Value], index: usize) -> Result<&'v Value> {
        inputs.get(index).ok_or_else(|| CudaError::Unsupported(format!("input {index} is missing")))
    }

    /// The specification of output `index`.
    fn output(&self, index: usize) -> Result<&TensorSpec> {
        self.outputs.get(index).ok_or_else(|| CudaError::Unsupported(format!("output {index} is missing")))
    }

    /// Where the elements of a value stand.
    fn address(&self, value: &Value) -> Result<u64> {
        match value.get::<Buffer>() {
            Some(buffer) => Ok(buffer.address()),
            None => Err(CudaError::Unsupported(format!("a tensor {} is not stored on this device", value.spec))),
        }
    }

    /// Where the elements of input `index` stand.
    fn at(&self, inputs: &[Value], index: usize) -> Result<u64> {
        self.address(self.input(inputs, index)?)
    }

    /// Where the elements of input `index` stand, or 0 if there is none.
    fn optional(&self, inputs: &[Value], index: usize) -> Result<u64> {
        inputs.get(index).map_or(Ok(0), |value| self.address(value))
    }

    /// Memory for a tensor.
    fn make(&self, spec: &TensorSpec) -> Result<Buffer> {
        self.memory.allocate(spec.bytes())
    }

    /// Memory for `count` elements of f32.
    fn scratch(&self, count: usize) -> Result<Buffer> {
        self.memory.allocate(count.saturating_mul(size_of::<f32>()))
    }

    /// The elements of a value for writing: its own if unshared, else a copy.
    fn owned(&self, value: Value) -> Result<Buffer> {
        value.take::<Buffer>().or_else(|value| self.duplicate(&value))
    }

    fn duplicate(&self, value: &Value) -> Result<Buffer> {
        let (from, copy) = (self.address(value)?, self.make(&value.spec)?);
        if value.spec.bytes() > 0 {
            self.driver.copy(from, copy.address(), value.spec.bytes())?;
        }
        Ok(copy)
    }

    /// Launches a kernel of `blocks` blocks of [`THREADS`] threads.
    fn launch(&self, kernel: Kernel, blocks: usize, arguments: &[KernelArgument<'_>]) -> Result<()> {
        self.launch_grid(kernel, [blocks, 1, 1], (THREADS, 0), arguments)
    }

    /// Launches a kernel with a grid, and with threads and shared memory a block. An empty grid is
    /// no launch.
    fn launch_grid(
        &self,
        kernel: Kernel,
        grid: [usize; 3],
        (threads, shared): (usize, usize),
        arguments: &[KernelArgument<'_>],
    ) -> Result<()> {
        if grid.contains(&0) {
            return Ok(());
        }
        let fits = grid.iter().zip(MOST).all(|(blocks, most)| *blocks <= most);
        let fail =
            || CudaError::Launch { kernel: kernel.name().into(), message: format!("a grid of {grid:?} blocks is too large") };
        let number = |number: usize| u32::try_from(number).map_err(|_| fail());
        if !fits {
            return Err(fail());
        }
        let [x, y, z] = grid;
        let (grid, threads, shared) = ([number(x)?, number(y)?, number(z)?], number(threads)?, number(shared)?);
        self.driver.launch(&Launch { kernel, grid, threads, shared, arguments })
    }
}

/// The name of a floating-point type in the names of kernels.
fn float(dtype: DType) -> Result<&'static str> {
    match dtype {
        DType::F32 => Ok("f32"),
        DType::BF16 => Ok("bf16"),
        DType::F16 => Ok("f16"),
        other => Err(CudaError::Unsupported(format!("there is no kernel for {other}"))),
    }
}

/// The name of a type of numbers or truth values.
fn any(dtype: DType) -> Result<&'static str> {
    match dtype {
        DType::I64 => Ok("i64"),
        DType::U32 => Ok("u32"),
        DType::Bool => Ok("bool"),
        other => float(other),
    }
}

/// The number of a type in kernels that take it.
fn code(dtype: DType) -> Result<i32> {
    match dtype {
        DType::F32 => Ok(0),
        DType::BF16 => Ok(1),
        DType::F16 => Ok(2),
        DType::I64 => Ok(3),
        DType::U32 => Ok(4),
        DType::Bool => Ok(5),
        other => Err(CudaError::Unsupported(format!("there is no kernel for {other}"))),
    }
}

/// The number of a function in kernels that take it.
fn function(function: UnaryOp) -> i32 {
    function as i32
}

/// Elements of a type in 16 bytes.
fn lanes(dtype: DType) -> usize {
    PACK / dtype.size()
}

/// Blocks of [`THREADS`] threads that handle `each` elements a thread.
fn blocks(count: usize, each: usize) -> usize {
    count.div_ceil(THREADS * each)
}

/// How many rows one thread of a reduction over columns adds up, and how many chunks of them there
/// are.
fn chunks(rows: usize) -> (usize, usize) {
    /// The least and the most rows of a chunk, so that there is work for all and not too much to
    /// add up afterwards.
    const ROWS: (usize, usize) = (32, 512);
    // Each chunk is a row of the grid.
    let chunk = (rows / 256).clamp(ROWS.0, ROWS.1).max(rows.div_ceil(MOST[1]));
    (chunk, rows.div_ceil(chunk).max(1))
}

/// The `width` of kernels that take 16 bytes at once where every extent of `extents` is a multiple
/// of so many elements.
fn width(dtype: DType, extents: &[usize]) -> (&'static str, usize) {
    let lanes = lanes(dtype);
    if extents.iter().all(|extent| extent % lanes == 0) { ("pack", lanes) } else { ("one", 1) }
}

/// A count as kernels take it.
fn u(count: usize) -> u64 {
    count as u64
}

/// Marks a struct as one that kernels take by value.
macro_rules! parameter {
    ($($name:ty),*) => { $(
        // SAFETY: a `repr(C)` struct of numbers and device addresses, as the kernels declare it,
        // without padding.
        unsafe impl $crate::driver::Parameter for $name {}
    )* };
}
pub(crate) use parameter;
