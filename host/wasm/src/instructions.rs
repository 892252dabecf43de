//! Instructions as the host runs them for a component.

use scaledown_sdk::tensor::{AttentionSpec, BinaryOp, CompareOp, GatedOp, ReduceOp, UnaryOp, infer, no_grad};
use scaledown_sdk::{DType, Error, Op, Shape, Tensor, TensorSpec};
use wasmtime::component::Resource;

use crate::bindings::scaledown::plugin::instructions::Host;
use crate::bindings::scaledown::plugin::tensor::Dtype;
use crate::bindings::scaledown::plugin::types::Error as WitError;
use crate::imports::{Answer, Imports, refusal};

type Handle = Resource<Tensor>;

impl Imports {
    /// Runs an instruction, and records it unless the component has switched that off.
    fn run(&mut self, op: Op, inputs: Vec<Tensor>) -> Answer<Vec<Tensor>> {
        if let Err(error) = self.room_for(&op, &inputs) {
            return Ok(Err(refusal(&error)));
        }
        let device = match self.own_params() {
            Ok(params) => params.device(),
            Err(error) => return Ok(Err(refusal(&error))),
        };
        let run = || match inputs.is_empty() {
            true => Tensor::create(op, device).map(|tensor| vec![tensor]),
            false => Tensor::apply_owned(op, inputs),
        };
        let outputs = if self.recording { run() } else { no_grad(run) };
        Ok(outputs.map_err(|error| refusal(&error)))
    }

    /// Checks that the plugin may hold what the instruction makes.
    fn room_for(&self, op: &Op, inputs: &[Tensor]) -> scaledown_sdk::Result<()> {
        let specs: Vec<TensorSpec> = inputs.iter().map(|input| input.spec().clone()).collect();
        // The instruction itself says what does not fit.
        infer(op, &specs).map_or(Ok(()), |outputs| self.meter.ask(&outputs))
    }

    /// What handles name. The caller keeps them.
    fn lent(&self, handles: &[&Handle]) -> wasmtime::Result<Vec<Tensor>> {
        Ok(handles.iter().map(|handle| self.table.get(handle).cloned()).collect::<Result<_, _>>()?)
    }

    fn many(&mut self, op: Op, inputs: &[&Handle]) -> Answer<Vec<Handle>> {
        let inputs = self.lent(inputs)?;
        self.hand_out_all(op, inputs)
    }

    fn hand_out_all(&mut self, op: Op, inputs: Vec<Tensor>) -> Answer<Vec<Handle>> {
        let outputs = match self.run(op, inputs)? {
            Ok(outputs) => outputs,
            Err(error) => return Ok(Err(error)),
        };
        Ok(Ok(outputs.into_iter().map(|output| self.give(output)).collect::<wasmtime::Result<_>>()?))
    }

    fn one(&mut self, op: Op, inputs: &[&Handle]) -> Answer<Handle> {
        sole(self.many(op, inputs)?)
    }

    fn two(&mut self, op: Op, inputs: &[&Handle]) -> Answer<(Handle, Handle)> {
        pair(self.many(op, inputs)?)
    }
}

type Outputs = std::result::Result<Vec<Handle>, WitError>;

fn sole(outputs: Outputs) -> Answer<Handle> {
    match outputs.map(<[Handle; 1]>::try_from) {
        Ok(Ok([output])) => Ok(Ok(output)),
        Ok(Err(outputs)) => Ok(Err(refusal(&other_count(1, outputs.len())))),
        Err(error) => Ok(Err(error)),
    }
}

fn pair(outputs: Outputs) -> Answer<(Handle, Handle)> {
    match outputs.map(<[Handle; 2]>::try_from) {
        Ok(Ok([first, second])) => Ok(Ok((first, second))),
        Ok(Err(outputs)) => Ok(Err(refusal(&other_count(2, outputs.len())))),
        Err(error) => Ok(Err(error)),
    }
}

fn other_count(expected: usize, found: usize) -> Error {
    Error::Input(format!("expected {expected} outputs of the instruction, found {found}"))
}

/// The functions that apply one elementary function each.
macro_rules! family {
    ($op:ident, $enum:ident, ($x:ident), $($name:ident $variant:ident)*) => { $(
        fn $name(&mut self, $x: Handle) -> Answer<Handle> {
            self.one(Op::$op($enum::$variant), &[&$x])
        }
    )* };
    ($op:ident, $enum:ident, ($a:ident, $b:ident), $($name:ident $variant:ident)*) => { $(
        fn $name(&mut self, $a: Handle, $b: Handle) -> Answer<Handle> {
            self.one(Op::$op($enum::$variant), &[&$a, &$b])
        }
    )* };
}

impl Host for Imports {
    fn fill(&mut self, shape: Vec<u64>, dtype: Dtype, value: f64) -> Answer<Handle> {
        self.one(Op::Fill { shape: self::shape(&shape), dtype: self::dtype(dtype), value }, &[])
    }

    fn arange(&mut self, start: i64, len: u64) -> Answer<Handle> {
        self.one(Op::Arange { start, len: size(len) }, &[])
    }

    fn uniform(&mut self, shape: Vec<u64>, seed: u64) -> Answer<Handle> {
        self.one(Op::Uniform { shape: self::shape(&shape), seed }, &[])
    }

    fn reshape(&mut self, x: Handle, shape: Vec<u64>) -> Answer<Handle> {
        self.one(Op::Reshape { shape: self::shape(&shape) }, &[&x])
    }

    fn permute(&mut self, x: Handle, dims: Vec<u64>) -> Answer<Handle> {
        self.one(Op::Permute { dims: sizes(&dims) }, &[&x])
    }

    fn broadcast(&mut self, x: Handle, shape: Vec<u64>) -> Answer<Handle> {
        self.one(Op::Broadcast { shape: self::shape(&shape) }, &[&x])
    }

    fn slice(&mut self, x: Handle, dim: u64, start: u64, len: u64) -> Answer<Handle> {
        self.one(Op::Slice { dim: size(dim), start: size(start), len: size(len) }, &[&x])
    }

    fn split(&mut self, x: Handle, dim: u64, sizes: Vec<u64>) -> Answer<Vec<Handle>> {
        self.many(Op::Split { dim: size(dim), sizes: self::sizes(&sizes) }, &[&x])
    }

    fn write_slice(&mut self, base: Handle, update: Handle, dim: u64, start: u64) -> Answer<Handle> {
        let update = self.table.get(&update)?.clone();
        let inputs = vec![self.take(base)?, update];
        sole(self.hand_out_all(Op::WriteSlice { dim: size(dim), start: size(start) }, inputs)?)
    }

    fn concat(&mut self, parts: Vec<Handle>, dim: u64) -> Answer<Handle> {
        if parts.is_empty() {
            return Ok(Err(refusal(&Error::Input("concat: expected at least one input, found none".into()))));
        }
        self.one(Op::Concat { dim: size(dim) }, &parts.iter().collect::<Vec<_>>())
    }

    fn cast(&mut self, x: Handle, dtype: Dtype) -> Answer<Handle> {
        self.one(Op::Cast { dtype: self::dtype(dtype) }, &[&x])
    }

    family! { Unary, UnaryOp, (x),
        neg Neg
        abs Abs
        square Square
        sqrt Sqrt
        rsqrt Rsqrt
        recip Recip
        exp Exp
        log Log
        sin Sin
        cos Cos
        tanh Tanh
        sigmoid Sigmoid
        relu Relu
        silu Silu
        gelu Gelu
        gelu_tanh GeluTanh
        erf Erf
    }

    fn affine(&mut self, x: Handle, mul: f64, add: f64) -> Answer<Handle> {
        self.one(Op::Affine { mul, add }, &[&x])
    }

    family! { Binary, BinaryOp, (a, b),
        add Add
        sub Sub
        mul Mul
        div Div
        maximum Maximum
        minimum Minimum
    }

    family! { Compare, CompareOp, (a, b),
        eq Eq
        ne Ne
        lt Lt
        le Le
        gt Gt
        ge Ge
    }

    fn select(&mut self, condition: Handle, a: Handle, b: Handle) -> Answer<Handle> {
        self.one(Op::Select, &[&condition, &a, &b])
    }

    fn reduce_sum(&mut self, x: Handle, dims: Vec<u64>, keep: bool) -> Answer<Handle> {
        self.one(Op::Reduce { op: ReduceOp::Sum, dims: sizes(&dims), keep }, &[&x])
    }

    fn reduce_mean(&mut self, x: Handle, dims: Vec<u64>, keep: bool) -> Answer<Handle> {
        self.one(Op::Reduce { op: ReduceOp::Mean, dims: sizes(&dims), keep }, &[&x])
    }

    fn reduce_max(&mut self, x: Handle, dims: Vec<u64>, keep: bool) -> Answer<Handle> {
        self.one(Op::Reduce { op: ReduceOp::Max, dims: sizes(&dims), keep }, &[&x])
    }

    fn arg_max(&mut self, x: Handle) -> Answer<Handle> {
        self.one(Op::ArgMax, &[&x])
    }

    fn top_k(&mut self, x: Handle, k: u64) -> Answer<(Handle, Handle)> {
        self.two(Op::TopK { k: size(k) }, &[&x])
    }

    fn matmul(&mut self, a: Handle, b: Handle, transpose_a: bool, transpose_b: bool) -> Answer<Handle> {
        self.one(Op::MatMul { transpose_a, transpose_b }, &[&a, &b])
    }

    fn linear(&mut self, x: Handle, weight: Handle, bias: Option<Handle>) -> Answer<Handle> {
        self.one(Op::Linear, &with([&x, &weight], &[&bias]))
    }

    fn adapter(
        &mut self,
        y: Handle,
        x: Handle,
        down: Handle,
        up: Handle,
        scale: f64,
        p: f64,
        seed: u64,
    ) -> Answer<(Handle, Handle)> {
        let lent = self.lent(&[&x, &down, &up])?;
        let mut inputs = vec![self.take(y)?];
        inputs.extend(lent);
        pair(self.hand_out_all(Op::Adapter { scale, p, seed }, inputs)?)
    }

    fn embedding(&mut self, table: Handle, ids: Handle) -> Answer<Handle> {
        self.one(Op::Embedding, &[&table, &ids])
    }

    fn rms_norm(&mut self, x: Handle, weight: Handle, eps: f64) -> Answer<Handle> {
        self.one(Op::RmsNorm { eps }, &[&x, &weight])
    }

    fn add_rms_norm(&mut self, x: Handle, residual: Handle, weight: Handle, eps: f64) -> Answer<(Handle, Handle)> {
        self.two(Op::AddRmsNorm { eps }, &[&x, &residual, &weight])
    }

    fn layer_norm(&mut self, x: Handle, weight: Handle, bias: Option<Handle>, eps: f64) -> Answer<Handle> {
        self.one(Op::LayerNorm { eps }, &with([&x, &weight], &[&bias]))
    }

    fn add_layer_norm(
        &mut self,
        x: Handle,
        residual: Handle,
        weight: Handle,
        bias: Option<Handle>,
        eps: f64,
    ) -> Answer<(Handle, Handle)> {
        self.two(Op::AddLayerNorm { eps }, &with([&x, &residual, &weight], &[&bias]))
    }

    fn softmax(&mut self, x: Handle) -> Answer<Handle> {
        self.one(Op::Softmax, &[&x])
    }

    fn rope(&mut self, x: Handle, cos: Handle, sin: Handle, inverse: bool) -> Answer<Handle> {
        self.one(Op::Rope { inverse }, &[&x, &cos, &sin])
    }

    family! { BiasActivation, UnaryOp, (x, bias),
        bias_activation_neg Neg
        bias_activation_abs Abs
        bias_activation_square Square
        bias_activation_sqrt Sqrt
        bias_activation_rsqrt Rsqrt
        bias_activation_recip Recip
        bias_activation_exp Exp
        bias_activation_log Log
        bias_activation_sin Sin
        bias_activation_cos Cos
        bias_activation_tanh Tanh
        bias_activation_sigmoid Sigmoid
        bias_activation_relu Relu
        bias_activation_silu Silu
        bias_activation_gelu Gelu
        bias_activation_gelu_tanh GeluTanh
        bias_activation_erf Erf
    }

    fn gated_silu(&mut self, gate: Handle, up: Option<Handle>) -> Answer<Handle> {
        self.one(Op::Gated(GatedOp::Silu), &with([&gate], &[&up]))
    }

    fn gated_gelu(&mut self, gate: Handle, up: Option<Handle>) -> Answer<Handle> {
        self.one(Op::Gated(GatedOp::Gelu), &with([&gate], &[&up]))
    }

    fn gated_gelu_tanh(&mut self, gate: Handle, up: Option<Handle>) -> Answer<Handle> {
        self.one(Op::Gated(GatedOp::GeluTanh), &with([&gate], &[&up]))
    }

    fn attention(
        &mut self,
        q: Handle,
        k: Handle,
        v: Handle,
        spans: Option<Handle>,
        q_positions: Option<Handle>,
        k_positions: Option<Handle>,
        scale: f64,
        causal: bool,
        window: Option<u64>,
    ) -> Answer<(Handle, Handle)> {
        // One kind of positions without the other is one input too few, which the instruction
        // refuses.
        let positions = q_positions.is_some() || k_positions.is_some();
        let spec = AttentionSpec { scale, causal, window: window.map(size), spans: spans.is_some(), positions };
        self.two(Op::Attention(spec), &with([&q, &k, &v], &[&spans, &q_positions, &k_positions]))
    }

    fn dropout(&mut self, x: Handle, p: f64, seed: u64) -> Answer<Handle> {
        self.one(Op::Dropout { p, seed }, &[&x])
    }

    fn cross_entropy(&mut self, logits: Handle, targets: Handle) -> Answer<(Handle, Handle)> {
        self.two(Op::CrossEntropy, &[&logits, &targets])
    }

    fn sum_squares(&mut self, tensors: Vec<Handle>) -> Answer<Handle> {
        if tensors.is_empty() {
            return Ok(Err(refusal(&Error::Input("sum-squares: expected at least one input, found none".into()))));
        }
        self.one(Op::SumSquares, &tensors.iter().collect::<Vec<_>>())
    }
}

/// Inputs, and those that may be left out.
fn with<'a, const N: usize>(inputs: [&'a Handle; N], optional: &[&'a Option<Handle>]) -> Vec<&'a Handle> {
    inputs.into_iter().chain(optional.iter().filter_map(|input| input.as_ref())).collect()
}

/// The shape that the interface's words mean.
pub(super) fn shape(shape: &[u64]) -> Shape {
    Shape::from(shape.iter().map(|&extent| size(extent)).collect::<Vec<_>>())
}

/// A size beyond the address space becomes the greatest there is, which every instruction refuses.
fn size(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn sizes(sizes: &[u64]) -> Vec<usize> {
    sizes.iter().map(|&size| self::size(size)).collect()
}

/// The element type that the interface's word means.
pub(super) fn dtype(dtype: Dtype) -> DType {
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

/// The element type in the interface's words.
///
/// # Errors
/// If it is quantised, which components do not know.
pub(super) fn dtype_to_wit(dtype: DType) -> wasmtime::Result<Dtype> {
    Ok(match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::BF16 => Dtype::Bf16,
        DType::F16 => Dtype::F16,
        DType::I64 => Dtype::I64,
        DType::U32 => Dtype::U32,
        DType::Bool => Dtype::Boolean,
        DType::Q8_0 | DType::Q4_0 => {
            wasmtime::bail!("a tensor of {dtype} is handed to a component, which does not know such types")
        }
    })
}
