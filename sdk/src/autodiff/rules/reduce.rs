//! Reductions.

use super::{InputGradients, Vjp};
use crate::Result;
use crate::tensor::{Op, ReduceOp, Tensor};

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

/// Each chosen element gets the gradient of its place: rows of one element each, summed by where
/// they came from.
pub(super) fn top_k(x: &Vjp<'_>, gradient: &Tensor) -> InputGradients {
    let shape = &x.input_specs[0].shape;
    let scatter = || {
        let indices = x.output(1)?;
        let (rows, width, k) = (shape.rows(), shape.last(), indices.shape().last());
        let device = gradient.device();
        // The place of an element among all rows; integers have no affine, so that the rows' starts
        // are a product.
        let starts = device.arange(0, rows)?.mul(&device.full(indices.dtype(), [], width as f64)?)?.reshape([rows, 1])?;
        let places = indices.reshape([rows, k])?.add(&starts)?.reshape([rows * k])?;
        let gradient = gradient.reshape([rows * k, 1])?;
        Tensor::single(Op::EmbeddingBackward { rows: rows * width }, &[&gradient, &places])?.reshape(shape)
    };
    Ok(vec![x.wanted(0, scatter)?])
}

/// The gradient shared equally by all elements that attain the maximum.
fn maximum(input: &Tensor, maximum: &Tensor, gradient: &Tensor, dims: &[usize]) -> Result<Tensor> {
    let accumulator = gradient.dtype().accumulator();
    let attained = input.eq(maximum)?.cast(accumulator)?;
    let share = gradient.cast(accumulator)?.div(&attained.sum(dims, true)?)?;
    attained.mul(&share)?.cast(gradient.dtype())
}
