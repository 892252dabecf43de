//! The instructions and inputs that the suite runs.

mod blocks;
mod elements;
mod layout;
mod products;
mod training;

pub use blocks::{Norm, add_norm, add_norm_backward, attention, attention_backward, norm, norm_backward, rope, softmax};
pub use elements::{GATED, UNARY, affine, bias_activation, binary, dropout, gated, gated_halves, select, unary};
pub use layout::{broadcast, cast, concat, permute, reduce, reshape, slice, split, top_k, write_slice};
pub use products::{adapter, embedding, linear, matmul};
pub use training::{adamw, adamw_of, cross_entropy, sum_squares};

use scaledown_sdk::tensor::uniform_bits;
use scaledown_sdk::{DType, Device, Op, Result, Shape, Tensor, TensorData, TensorSpec};

use crate::device::reference::{Reference, encode, round};

/// How an input's element type follows from the type that a case runs in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CaseKind {
    /// The type itself.
    Float,
    /// Its accumulator type.
    Accumulator,
    /// Always this type.
    Fixed(DType),
}

/// One input: its shape, and its elements before they are rounded to their type.
#[derive(Clone, Debug)]
pub struct Input {
    /// The shape.
    pub shape: Shape,
    /// The elements.
    pub values: Vec<f64>,
    /// The element type.
    pub kind: CaseKind,
}

impl Input {
    /// Numbers in `low..high`, fixed by `seed`.
    pub fn within(shape: impl Into<Shape>, seed: u64, low: f64, high: f64) -> Self {
        let shape = shape.into();
        let value = |i| low + (high - low) * f64::from(uniform_bits(seed, i)) / f64::from(1 << 24);
        Input { values: (0..shape.count() as u64).map(value).collect(), shape, kind: CaseKind::Float }
    }

    /// Numbers in `-2..2`, fixed by `seed`.
    pub fn float(shape: impl Into<Shape>, seed: u64) -> Self {
        Input::within(shape, seed, -2.0, 2.0)
    }

    /// Integers in `low..high`, fixed by `seed`.
    pub fn integers(shape: impl Into<Shape>, seed: u64, low: i64, high: i64, dtype: DType) -> Self {
        let mut input = Input::within(shape, seed, low as f64, high as f64).of(CaseKind::Fixed(dtype));
        input.values.iter_mut().for_each(|value| *value = value.floor());
        input
    }

    /// The same numbers with another rule for their type.
    #[must_use]
    pub fn of(self, kind: CaseKind) -> Self {
        Input { kind, ..self }
    }

    /// The element type in a case that runs in `dtype`.
    #[must_use]
    pub fn dtype(&self, dtype: DType) -> DType {
        match self.kind {
            CaseKind::Float => dtype,
            CaseKind::Accumulator => dtype.accumulator(),
            CaseKind::Fixed(fixed) => fixed,
        }
    }

    /// On a device, in a case that runs in `dtype`.
    ///
    /// # Errors
    /// If the upload fails.
    pub fn upload(&self, device: &Device, dtype: DType) -> Result<Tensor> {
        device.upload(&data(self.dtype(dtype), &self.shape, &self.values)?)
    }

    /// On a device in f64 (integers and truth values in their own type), after rounding to the type
    /// of a case that runs in `dtype`.
    ///
    /// # Errors
    /// If the upload fails.
    pub fn upload_exact(&self, device: &Device, dtype: DType) -> Result<Tensor> {
        let rounded: Vec<f64> = self.values.iter().map(|&value| round(self.dtype(dtype), value)).collect();
        device.upload(&data(self.dtype(DType::F64), &self.shape, &rounded)?)
    }
}

/// Host data of the given elements.
///
/// # Errors
/// If there are not as many as the shape has.
pub fn data(dtype: DType, shape: &Shape, values: &[f64]) -> Result<TensorData> {
    TensorData::new(TensorSpec::new(dtype, shape), values.iter().flat_map(|&value| encode(dtype, value)).collect())
}

/// An instruction and its inputs.
#[derive(Clone, Debug)]
pub struct Case {
    /// The instruction.
    pub op: Op,
    /// The inputs.
    pub inputs: Vec<Input>,
}

impl Case {
    /// A case of `op`.
    #[must_use]
    pub fn new(op: Op, inputs: Vec<Input>) -> Self {
        Case { op, inputs }
    }

    /// A case of a backward instruction: its inputs are those of the forward case, then the given
    /// outputs of it, then a gradient of the shape of the first output.
    fn backward(op: Op, forward: &Case, inputs: &[usize], outputs: &[(usize, CaseKind)], kind: CaseKind, seed: u64) -> Self {
        let computed = forward.reference(DType::F64).unwrap_or_default();
        let mut all: Vec<Input> = inputs.iter().map(|&index| forward.inputs[index].clone()).collect();
        let output = |&(index, kind): &(usize, CaseKind)| Input { kind, ..computed[index].clone() };
        all.extend(outputs.iter().map(output));
        all.push(Input::float(&computed[0].shape, seed).of(kind));
        Case::new(op, all)
    }

    /// The outputs in f64 of the reference device, on inputs that are rounded to `dtype`.
    ///
    /// # Errors
    /// If the inputs do not fit.
    pub fn reference(&self, dtype: DType) -> Result<Vec<Input>> {
        let device = Device::new(Reference);
        let inputs = self.inputs.iter().map(|input| input.upload_exact(&device, dtype)).collect::<Result<Vec<_>>>()?;
        let outputs = apply(&in_f64(&self.op), &inputs, &device)?;
        let input = |output: &Tensor| {
            Ok(Input { shape: output.shape().clone(), values: output.to_data()?.to_f64(), kind: CaseKind::Fixed(output.dtype()) })
        };
        outputs.iter().map(input).collect()
    }
}

/// The outputs of an instruction, whether or not it has inputs.
///
/// # Errors
/// If the inputs do not fit.
pub fn apply(op: &Op, inputs: &[Tensor], device: &Device) -> Result<Vec<Tensor>> {
    if inputs.is_empty() {
        return Ok(vec![Tensor::create(op.clone(), device)?]);
    }
    Tensor::apply(op.clone(), &inputs.iter().collect::<Vec<_>>())
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of", self.op)?;
        self.inputs.iter().try_for_each(|input| write!(f, " {}", input.shape))
    }
}

/// The instruction without the rounding that it asks for.
fn in_f64(op: &Op) -> Op {
    match op {
        Op::Cast { dtype } if dtype.is_float() => Op::Cast { dtype: DType::F64 },
        other => other.clone(),
    }
}

/// The forward cases of all instructions.
#[must_use]
pub fn all() -> Vec<Case> {
    [layout::forward(), elements::forward(), products::forward(), blocks::forward(), training::forward()].concat()
}

/// Small cases of all differentiable instructions.
#[must_use]
pub fn differentiable() -> Vec<Case> {
    [layout::gradients(), elements::gradients(), products::gradients(), blocks::gradients(), training::gradients()].concat()
}
