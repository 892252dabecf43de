//! Reductions.

use super::{InputGradients, Vjp};
use crate::Result;
use crate::tensor::{ReduceOp, Tensor};

pub(super) fn reduce(x: &Vjp<'_>, gradient: &Tensor, op: ReduceOp, dims: &[usize]) -> InputGradients {
    let shape = &x.input_specs[0].shape;
    let kept = dims.iter().fold(shape.clone(), |shape, &dim| shape.with(dim, 1));
    let spread = || {
        let gradient = gradient.reshape(&kept)?;
        match op {
            ReduceOp::Sum => gradient.broadcast_to(shape),
            ReduceOp::Mean => {
                let count: usize = dims.iter().map(|&dim| shape.dims()[dim]).product();
                gradient.affine((count as f64).recip(), 0.0)?.broadcast_to(shape)
            }
            ReduceOp::Max => maximum(x.input(0)?, &x.output(0)?.reshape(&kept)?, &gradient, dims),
        }
    };
    Ok(vec![x.wanted(0, spread)?])
}

/// The gradient shared equally by all elements that attain the maximum.
fn maximum(input: &Tensor, maximum: &Tensor, gradient: &Tensor, dims: &[usize]) -> Result<Tensor> {
    let accumulator = gradient.dtype().accumulator();
    let attained = input.eq(maximum)?.cast(accumulator)?;
    let share = gradient.cast(accumulator)?.div(&attained.sum(dims, true)?)?;
    attained.mul(&share)?.cast(gradient.dtype())
}
