//! Element-wise instructions.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

use super::{InputGradients, Vjp};
use crate::Result;
use crate::tensor::{BinaryOp, GatedOp, Op, Tensor, UnaryOp};

pub(super) fn cast(x: &Vjp<'_>, gradient: &Tensor) -> InputGradients {
    Ok(vec![x.wanted(0, || gradient.cast(x.input_specs[0].dtype))?])
}

pub(super) fn affine(x: &Vjp<'_>, gradient: &Tensor, mul: f64) -> InputGradients {
    Ok(vec![x.wanted(0, || gradient.affine(mul, 0.0))?])
}

pub(super) fn dropout(x: &Vjp<'_>, gradient: &Tensor, p: f64, seed: u64) -> InputGradients {
    Ok(vec![x.wanted(0, || gradient.dropout(p, seed))?])
}

pub(super) fn unary(x: &Vjp<'_>, gradient: &Tensor, op: UnaryOp) -> InputGradients {
    let product = || {
        if op == UnaryOp::Neg {
            return gradient.neg();
        }
        let kept = x.input(0).or_else(|_| x.output(0))?;
        // In the accumulator type, since a derivative is several steps, each of which would round.
        let accumulator = gradient.dtype().accumulator();
        let (kept, wide) = (kept.cast(accumulator)?, gradient.cast(accumulator)?);
        unary_product(op, &kept, &wide)?.cast(gradient.dtype())
    };
    Ok(vec![x.wanted(0, product)?])
}

/// `f'(x) * gradient`. `kept` is `y = f(x)` for the functions whose derivative is simplest in terms
/// of it, else `x`.
pub(crate) fn unary_product(op: UnaryOp, kept: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    let derivative = match op {
        UnaryOp::Neg => return gradient.neg(),
        UnaryOp::Sqrt => return gradient.affine(0.5, 0.0)?.div(kept),
        UnaryOp::Log => return gradient.div(kept),
        UnaryOp::Abs => sign(kept)?,
        UnaryOp::Square => kept.affine(2.0, 0.0)?,
        UnaryOp::Rsqrt => kept.square()?.mul(kept)?.affine(-0.5, 0.0)?,
        UnaryOp::Recip => kept.square()?.neg()?,
        UnaryOp::Exp => kept.clone(),
        UnaryOp::Sin => kept.cos()?,
        UnaryOp::Cos => kept.sin()?.neg()?,
        UnaryOp::Tanh => kept.square()?.affine(-1.0, 1.0)?,
        UnaryOp::Sigmoid => kept.affine(-1.0, 1.0)?.mul(kept)?,
        UnaryOp::Relu => kept.gt(&zero(kept)?)?.cast(kept.dtype())?,
        UnaryOp::Silu => silu_derivative(kept)?,
        UnaryOp::Gelu => gelu_derivative(kept)?,
        UnaryOp::GeluTanh => gelu_tanh_derivative(kept)?,
        UnaryOp::Erf => kept.square()?.neg()?.exp()?.affine(FRAC_2_SQRT_PI, 0.0)?,
    };
    derivative.mul(gradient)
}

fn zero(like: &Tensor) -> Result<Tensor> {
    like.device().zeros(like.dtype(), [])
}

fn sign(x: &Tensor) -> Result<Tensor> {
    let zero = zero(x)?;
    x.gt(&zero)?.cast(x.dtype())?.sub(&x.lt(&zero)?.cast(x.dtype())?)
}

/// With `s = sigmoid(x)`: `s (1 + x (1 - s))`.
fn silu_derivative(x: &Tensor) -> Result<Tensor> {
    let s = x.sigmoid()?;
    s.affine(-1.0, 1.0)?.mul(x)?.affine(1.0, 1.0)?.mul(&s)
}

/// The normal distribution's function, plus `x` times its density.
fn gelu_derivative(x: &Tensor) -> Result<Tensor> {
    let distribution = x.affine(FRAC_1_SQRT_2, 0.0)?.erf()?.affine(0.5, 0.5)?;
    let density = x.square()?.affine(-0.5, 0.0)?.exp()?.affine((2.0 * PI).sqrt().recip(), 0.0)?;
    distribution.add(&density.mul(x)?)
}

/// With `u = sqrt(2 / pi) (x + 0.044715 x^3)` and `t = tanh(u)`:
/// `(1 + t) / 2 + x (1 - t^2) u' / 2`.
fn gelu_tanh_derivative(x: &Tensor) -> Result<Tensor> {
    let c = (2.0 / PI).sqrt();
    let square = x.square()?;
    let t = square.affine(0.044_715 * c, c)?.mul(x)?.tanh()?;
    let inner = square.affine(3.0 * 0.044_715 * c, c)?;
    let slope = t.square()?.affine(-0.5, 0.5)?.mul(&inner)?.mul(x)?;
    t.affine(0.5, 0.5)?.add(&slope)
}

pub(super) fn binary(x: &Vjp<'_>, gradient: &Tensor, op: BinaryOp) -> InputGradients {
    let (a, b) = (|| x.input(0), || x.input(1));
    let first = || match op {
        BinaryOp::Add | BinaryOp::Sub => Ok(gradient.clone()),
        BinaryOp::Mul => gradient.mul(b()?),
        BinaryOp::Div => gradient.div(b()?),
        BinaryOp::Maximum => gradient.mul(&share(a()?, b()?)?),
        BinaryOp::Minimum => gradient.mul(&share(b()?, a()?)?),
    };
    let second = || match op {
        BinaryOp::Add => Ok(gradient.clone()),
        BinaryOp::Sub => gradient.neg(),
        BinaryOp::Mul => gradient.mul(a()?),
        BinaryOp::Div => gradient.div(b()?)?.mul(&a()?.div(b()?)?)?.neg(),
        BinaryOp::Maximum => gradient.mul(&share(b()?, a()?)?),
        BinaryOp::Minimum => gradient.mul(&share(a()?, b()?)?),
    };
    Ok(vec![x.broadcast(0, first)?, x.broadcast(1, second)?])
}

/// 1 where `a` is greater than `b`, 1/2 where they are equal, else 0.
fn share(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    a.gt(b)?.cast(a.dtype())?.add(&a.ge(b)?.cast(a.dtype())?)?.affine(0.5, 0.0)
}

pub(super) fn select(x: &Vjp<'_>, gradient: &Tensor) -> InputGradients {
    let condition = || x.input(0);
    Ok(vec![
        None,
        x.broadcast(1, || condition()?.select(gradient, &zero(gradient)?))?,
        x.broadcast(2, || condition()?.select(&zero(gradient)?, gradient))?,
    ])
}

pub(super) fn bias_activation(x: &Vjp<'_>, gradient: &Tensor, function: UnaryOp) -> InputGradients {
    let backward = Op::BiasActivationBackward { function, input: x.needs(0), bias: x.needs(1) };
    let mut computed = Tensor::apply(backward, &[x.input(0)?, x.input(1)?, gradient])?.into_iter();
    Ok(x.needs.iter().map(|&wanted| if wanted { computed.next() } else { None }).collect())
}

pub(super) fn gated(x: &Vjp<'_>, gradient: &Tensor, op: GatedOp) -> InputGradients {
    let mut inputs = (0..x.needs.len()).map(|index| x.input(index)).collect::<Result<Vec<_>>>()?;
    inputs.push(gradient);
    let gradients = Tensor::apply(Op::GatedBackward(op), &inputs)?;
    Ok(gradients.into_iter().zip(x.needs).map(|(gradient, &wanted)| wanted.then_some(gradient)).collect())
}
