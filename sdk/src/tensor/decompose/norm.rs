//! Root-mean-square and layer normalisation.
//!
//! With `n` the normalised input and `c = grad * weight`, both gradients are
//! `dx = (c - [mean(c)] - n mean(c n)) / deviation` and `dweight = sum(grad n)`; the term in
//! brackets is layer normalisation's alone.

use super::{last, wide};
use crate::Result;
use crate::tensor::Tensor;

pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let (normal, _) = scaled(&wide(x)?, eps)?;
    normal.mul(&wide(weight)?)?.cast(x.dtype())
}

pub(super) fn rms_norm_backward(x: &[Tensor], eps: f64, input: bool, weight: bool) -> Result<Vec<Tensor>> {
    let (normal, inverse) = scaled(&wide(&x[0])?, eps)?;
    gradients(x, &normal, &inverse, input, weight, |c| Ok(c.clone()))
}

pub(super) fn layer_norm(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, eps: f64) -> Result<Tensor> {
    let (normal, _) = scaled(&centred(&wide(x)?)?, eps)?;
    let product = normal.mul(&wide(weight)?)?;
    bias.map_or(Ok(product.clone()), |bias| product.add(&wide(bias)?))?.cast(x.dtype())
}

pub(super) fn layer_norm_backward(x: &[Tensor], eps: f64, input: bool, weight: bool) -> Result<Vec<Tensor>> {
    let (normal, inverse) = scaled(&centred(&wide(&x[0])?)?, eps)?;
    gradients(x, &normal, &inverse, input, weight, centred)
}

/// `x + residual` and what `norm` makes of it and of the inputs that follow the two.
pub(super) fn add(x: &[Tensor], norm: impl FnOnce(&Tensor, &[Tensor]) -> Result<Tensor>) -> Result<Vec<Tensor>> {
    // The sum is rounded to its type before it is normalised, since it is an output.
    let sum = x[0].add(&x[1])?;
    let normed = norm(&sum, &x[2..])?;
    Ok(vec![sum, normed])
}

/// The gradients of a norm, with that of the sum itself added to the first where there is one.
pub(super) fn add_backward(
    x: &[Tensor],
    input: bool,
    norm: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Vec<Tensor>> {
    let mut gradients = norm(&x[..3])?;
    if let (true, Some(own)) = (input, x.get(3))
        && let Some(first) = gradients.first_mut()
    {
        *first = first.add(own)?;
    }
    Ok(gradients)
}

fn centred(x: &Tensor) -> Result<Tensor> {
    x.sub(&x.mean(last(x), true)?)
}

/// The rows divided by the root of their mean square, and one over that root.
fn scaled(x: &Tensor, eps: f64) -> Result<(Tensor, Tensor)> {
    let inverse = x.square()?.mean(last(x), true)?.affine(1.0, eps)?.rsqrt()?;
    Ok((x.mul(&inverse)?, inverse))
}

fn gradients(
    x: &[Tensor],
    normal: &Tensor,
    inverse: &Tensor,
    input: bool,
    weight: bool,
    centre: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Vec<Tensor>> {
    let grad = wide(&x[2])?;
    let mut gradients = Vec::new();
    if input {
        let c = grad.mul(&wide(&x[1])?)?;
        let along = normal.mul(&c.mul(normal)?.mean(last(&c), true)?)?;
        gradients.push(centre(&c)?.sub(&along)?.mul(inverse)?.cast(x[0].dtype())?);
    }
    if weight {
        let rows: Vec<usize> = (0..grad.shape().rank() - 1).collect();
        gradients.push(grad.mul(normal)?.sum(rows, false)?.cast(x[1].dtype())?);
    }
    Ok(gradients)
}
