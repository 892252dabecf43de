//! Linear maps, gated activations, rotary embedding and dropout.

use super::{scalar, wide};
use crate::Result;
use crate::autodiff::{reads_output, unary_product};
use crate::tensor::{Device, GatedOp, Tensor, UnaryOp};

pub(super) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let shape = x.shape();
    let rows = x.reshape([shape.rows(), shape.last()])?;
    // A weight may be stored in a shorter type.
    let product = rows.matmul_transposed(&weight.cast(x.dtype())?, false, true)?;
    let sum = bias.map_or(Ok(product.clone()), |bias| product.add(bias))?;
    sum.reshape(shape.with(shape.rank() - 1, weight.dims()[0]))
}

pub(super) fn split(x: &Tensor, dim: usize, sizes: &[usize]) -> Result<Vec<Tensor>> {
    let mut start = 0;
    let part = |&size: &usize| {
        start += size;
        x.slice(dim, start - size, size)
    };
    sizes.iter().map(part).collect()
}

/// `f(x + bias)`.
pub(super) fn bias_activation(x: &Tensor, bias: &Tensor, function: UnaryOp) -> Result<Tensor> {
    wide(x)?.add(&wide(bias)?)?.unary(function)?.cast(x.dtype())
}

pub(super) fn bias_activation_backward(x: &[Tensor], function: UnaryOp, input: bool, bias: bool) -> Result<Vec<Tensor>> {
    let sum = wide(&x[0])?.add(&wide(&x[1])?)?;
    let kept = if reads_output(function) { sum.unary(function)? } else { sum };
    let gradient = unary_product(function, &kept, &wide(&x[2])?)?;
    let rows: Vec<usize> = (0..gradient.shape().rank().saturating_sub(1)).collect();
    let mut gradients = Vec::new();
    if input {
        gradients.push(gradient.cast(x[0].dtype())?);
    }
    if bias {
        gradients.push(gradient.sum(rows, false)?.cast(x[1].dtype())?);
    }
    Ok(gradients)
}

/// The gate and what it lets through, which may be the halves of one tensor.
fn halves(x: &[Tensor]) -> Result<(Tensor, Tensor)> {
    let [both] = x else { return Ok((x[0].clone(), x[1].clone())) };
    let (dim, half) = (both.shape().rank() - 1, both.shape().last() / 2);
    Ok((both.slice(dim, 0, half)?, both.slice(dim, half, half)?))
}

pub(super) fn gated(activation: GatedOp, x: &[Tensor]) -> Result<Tensor> {
    let (gate, up) = halves(x)?;
    activate(activation, &wide(&gate)?)?.mul(&wide(&up)?)?.cast(gate.dtype())
}

pub(super) fn gated_backward(activation: GatedOp, x: &[Tensor]) -> Result<Vec<Tensor>> {
    let (grad, forward) = (&x[x.len() - 1], &x[..x.len() - 1]);
    let (gate, up) = halves(forward)?;
    let (dtype, gate, grad) = (gate.dtype(), wide(&gate)?, wide(grad)?);
    let through_gate = unary_product(unary(activation), &gate, &wide(&up)?.mul(&grad)?)?.cast(dtype)?;
    let through_up = activate(activation, &gate)?.mul(&grad)?.cast(dtype)?;
    if forward.len() == 1 {
        let last = through_gate.shape().rank() - 1;
        return Ok(vec![Tensor::concat(&[&through_gate, &through_up], last)?]);
    }
    Ok(vec![through_gate, through_up])
}

fn activate(activation: GatedOp, x: &Tensor) -> Result<Tensor> {
    match activation {
        GatedOp::Silu => x.silu(),
        GatedOp::Gelu => x.gelu(),
        GatedOp::GeluTanh => x.gelu_tanh(),
    }
}

fn unary(activation: GatedOp) -> UnaryOp {
    match activation {
        GatedOp::Silu => UnaryOp::Silu,
        GatedOp::Gelu => UnaryOp::Gelu,
        GatedOp::GeluTanh => UnaryOp::GeluTanh,
    }
}

pub(super) fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor, inverse: bool) -> Result<Tensor> {
    let half = x.shape().last() / 2;
    let per_head = |table: &Tensor| table.reshape([table.dims()[0], table.dims()[1], 1, half]);
    let (cos, sin) = (per_head(cos)?, per_head(sin)?);
    let sin = if inverse { sin.neg()? } else { sin };
    let (a, b) = (wide(&x.slice(3, 0, half)?)?, wide(&x.slice(3, half, half)?)?);
    let rotated_a = a.mul(&cos)?.sub(&b.mul(&sin)?)?;
    let rotated_b = b.mul(&cos)?.add(&a.mul(&sin)?)?;
    Tensor::concat(&[&rotated_a, &rotated_b], 3)?.cast(x.dtype())
}

pub(super) fn dropout(x: &Tensor, p: f64, seed: u64, device: &Device) -> Result<Tensor> {
    // Uniform numbers are multiples of 2^-24. Rounded up to such a multiple, `p` is exact in f32
    // and drops the same elements.
    const STEPS: f64 = (1 << 24) as f64;
    let uniform = device.uniform(x.shape(), seed)?;
    let dropped = uniform.lt(&scalar((p * STEPS).ceil() / STEPS, &uniform)?)?;
    let kept = wide(x)?.affine((1.0 - p).recip(), 0.0)?;
    dropped.select(&scalar(0.0, &kept)?, &kept)?.cast(x.dtype())
}
