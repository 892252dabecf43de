//! The sum of squares and the AdamW step, of many tensors at a time.

use scaledown_sdk::tensor::Value;
use scaledown_sdk::{DType, Shape};

use super::{Call, arguments, code, parameter, u};
use crate::error::{CudaError, Result};
use crate::kernels::kernel;
use crate::memory::Buffer;

/// Tensors of one launch, and elements of one block, as `optimizer.cu` has them.
const MANY: usize = 56;
const BLOCK_ELEMENTS: usize = 16_384;

/// The settings of a step.
pub(super) struct AdamW {
    pub(super) betas: (f64, f64),
    pub(super) eps: f64,
    pub(super) decay: f64,
    pub(super) lr: f64,
    pub(super) step: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Tensors {
    data: [u64; MANY],
    count: [u64; MANY],
    first: [u32; MANY],
    dtype: [i32; MANY],
    tensors: i32,
    padding: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Parameters {
    parameter: [u64; MANY],
    grad: [u64; MANY],
    m: [u64; MANY],
    v: [u64; MANY],
    master: [u64; MANY],
    count: [u64; MANY],
    first: [u32; MANY],
    dtype: [u16; MANY],
    grad_dtype: [u16; MANY],
    tensors: i32,
    padding: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Step {
    beta1: f32,
    beta2: f32,
    eps: f32,
    keep: f32,
    rate: f32,
    unbias: f32,
}
parameter!(Tensors, Parameters, Step);

/// One parameter with its state, for writing; the gradient alone is read.
struct State {
    shape: Shape,
    dtype: DType,
    parameter: Buffer,
    grad: Value,
    m: Buffer,
    v: Buffer,
    master: Option<Buffer>,
}

/// Blocks that a tensor of `count` elements takes.
fn blocks(count: usize) -> usize {
    count.div_ceil(BLOCK_ELEMENTS)
}

impl Call<'_> {
    pub(super) fn sum_squares(&self, inputs: &[Value]) -> Result<Buffer> {
        let y = self.make(self.output(0)?)?;
        let some: Vec<&Value> = inputs.iter().filter(|input| input.spec.shape.count() > 0).collect();
        let total: usize = some.iter().map(|input| blocks(input.spec.shape.count())).sum();
        let partial = self.scratch(total)?;
        let mut done = 0;
        for group in some.chunks(MANY) {
            let mut all = Tensors {
                data: [0; MANY],
                count: [0; MANY],
                first: [0; MANY],
                dtype: [0; MANY],
                tensors: group.len() as i32,
                padding: 0,
            };
            let mut grid = 0;
            for (index, input) in group.iter().enumerate() {
                let count = input.spec.shape.count();
                all.data[index] = self.address(input)?;
                all.count[index] = u(count);
                all.first[index] = grid as u32;
                all.dtype[index] = code(input.spec.dtype)?;
                grid += blocks(count);
            }
            let to = partial.address() + u(done * size_of::<f32>());
            self.launch(kernel!(Optimizer, "square_sums"), grid, arguments![&all, to])?;
            done += grid;
        }
        self.launch(kernel!(Optimizer, "sum_of_sums"), 1, arguments![partial.address(), u(total), y.address()])?;
        Ok(y)
    }

    pub(super) fn adamw(&self, inputs: Vec<Value>, settings: &AdamW, masters: bool) -> Result<Vec<Buffer>> {
        let mut inputs = inputs.into_iter();
        let scale = inputs.next().ok_or_else(missing)?;
        let mut states = Vec::new();
        while let Some(parameter) = inputs.next() {
            let (shape, dtype) = (parameter.spec.shape.clone(), parameter.spec.dtype);
            let grad = inputs.next().ok_or_else(missing)?;
            let mut own = || self.owned(inputs.next().ok_or_else(missing)?);
            let (m, v) = (own()?, own()?);
            let master = if masters { Some(own()?) } else { None };
            states.push(State { shape, dtype, parameter: self.owned(parameter)?, grad, m, v, master });
        }
        let correction = |beta: f64| 1.0 - beta.powf(settings.step as f64);
        let step = Step {
            beta1: settings.betas.0 as f32,
            beta2: settings.betas.1 as f32,
            eps: settings.eps as f32,
            keep: (1.0 - settings.lr * settings.decay) as f32,
            rate: (settings.lr / correction(settings.betas.0)) as f32,
            unbias: correction(settings.betas.1).sqrt().recip() as f32,
        };
        let grad_scale = self.address(&scale)?;
        let some: Vec<&State> = states.iter().filter(|state| state.shape.count() > 0).collect();
        for group in some.chunks(MANY) {
            let (all, grid) = self.parameters(group)?;
            self.launch(kernel!(Optimizer, "adamw"), grid, arguments![&all, &step, grad_scale])?;
        }
        let outputs = states.into_iter().flat_map(|state| [Some(state.parameter), Some(state.m), Some(state.v), state.master]);
        Ok(outputs.flatten().collect())
    }

    /// The parameters of one launch, and its blocks.
    fn parameters(&self, group: &[&State]) -> Result<(Parameters, usize)> {
        let none = [0; MANY];
        let mut all = Parameters {
            parameter: none,
            grad: none,
            m: none,
            v: none,
            master: none,
            count: none,
            first: [0; MANY],
            dtype: [0; MANY],
            grad_dtype: [0; MANY],
            tensors: group.len() as i32,
            padding: 0,
        };
        let mut grid = 0;
        for (index, state) in group.iter().enumerate() {
            let count = state.shape.count();
            all.parameter[index] = state.parameter.address();
            all.grad[index] = self.address(&state.grad)?;
            all.m[index] = state.m.address();
            all.v[index] = state.v.address();
            all.master[index] = state.master.as_ref().map_or(0, Buffer::address);
            all.count[index] = u(count);
            all.first[index] = grid as u32;
            all.dtype[index] = code(state.dtype)? as u16;
            all.grad_dtype[index] = code(state.grad.spec.dtype)? as u16;
            grid += blocks(count);
        }
        Ok((all, grid))
    }
}

fn missing() -> CudaError {
    CudaError::Unsupported("a parameter of the step lacks an input".into())
}
