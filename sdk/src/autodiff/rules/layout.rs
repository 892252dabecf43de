//! Layout instructions: their gradients undo the movement.

use super::{InputGradients, Vjp};
use crate::Result;
use crate::tensor::{Shape, Tensor};

pub(super) fn reshape(x: &Vjp<'_>, gradient: &Tensor) -> InputGradients {
    Ok(vec![x.wanted(0, || gradient.reshape(&x.input_specs[0].shape))?])
}

pub(super) fn permute(x: &Vjp<'_>, gradient: &Tensor, dims: &[usize]) -> InputGradients {
    let mut inverse = vec![0; dims.len()];
    for (i, &dim) in dims.iter().enumerate() {
        inverse[dim] = i;
    }
    Ok(vec![x.wanted(0, || gradient.permute(inverse))?])
}

pub(super) fn broadcast(x: &Vjp<'_>, gradient: &Tensor) -> InputGradients {
    Ok(vec![x.broadcast(0, || Ok(gradient.clone()))?])
}

pub(super) fn slice(x: &Vjp<'_>, gradient: &Tensor, dim: usize, start: usize) -> InputGradients {
    let scatter = || {
        let input = &x.input_specs[0];
        gradient.device().zeros(input.dtype, &input.shape)?.write_slice(gradient, dim, start)
    };
    Ok(vec![x.wanted(0, scatter)?])
}

/// The parts' gradients joined again; unread parts have zero gradients.
pub(super) fn split(x: &Vjp<'_>, dim: usize) -> InputGradients {
    let joined = || {
        let parts: Vec<Tensor> =
            x.output_specs.iter().enumerate().map(|(index, spec)| x.gradient_or_zeros(index, spec)).collect::<Result<_>>()?;
        Tensor::concat(&parts.iter().collect::<Vec<_>>(), dim)
    };
    Ok(vec![x.wanted(0, joined)?])
}

pub(super) fn write_slice(x: &Vjp<'_>, gradient: &Tensor, dim: usize, start: usize) -> InputGradients {
    let update = &x.input_specs[1];
    let base = || gradient.clone().write_slice(&gradient.device().zeros(update.dtype, &update.shape)?, dim, start);
    Ok(vec![x.wanted(0, base)?, x.wanted(1, || gradient.slice(dim, start, update.shape.dims()[dim]))?])
}

pub(super) fn concat(x: &Vjp<'_>, gradient: &Tensor, dim: usize) -> InputGradients {
    let mut start = 0;
    let part = |(index, spec): (usize, &crate::TensorSpec)| {
        let len = spec.shape.dims()[dim];
        let part = x.wanted(index, || gradient.slice(dim, start, len));
        start += len;
        part
    };
    x.input_specs.iter().enumerate().map(part).collect()
}

/// The gradient of a tensor of `shape` that was broadcast to the shape of `gradient`.
pub(super) fn sum_to(gradient: &Tensor, shape: &Shape) -> Result<Tensor> {
    if gradient.shape() == shape {
        return Ok(gradient.clone());
    }
    let added = gradient.shape().rank() - shape.rank();
    let repeated = |&dim: &usize| dim < added || (shape.dims()[dim - added] == 1 && gradient.dims()[dim] != 1);
    let dims: Vec<usize> = (0..gradient.shape().rank()).filter(repeated).collect();
    gradient.sum(dims, true)?.reshape(shape)
}
