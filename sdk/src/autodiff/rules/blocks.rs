//! Normalisation, softmax, rotary embedding and attention: their gradients are instructions of
//! their own.

use super::layout::sum_to;
use super::{InputGradients, Vjp};
use crate::tensor::{AttentionSpec, Op, Tensor};
use crate::{Error, Result};

pub(super) fn rms_norm(x: &Vjp<'_>, gradient: &Tensor, eps: f64) -> InputGradients {
    norm(x, gradient, Op::RmsNormBackward { eps, input: x.needs(0), weight: x.needs(1) })
}

pub(super) fn layer_norm(x: &Vjp<'_>, gradient: &Tensor, eps: f64) -> InputGradients {
    let mut gradients = if x.needs(0) || x.needs(1) {
        norm(x, gradient, Op::LayerNormBackward { eps, input: x.needs(0), weight: x.needs(1) })?
    } else {
        vec![None, None]
    };
    if let Some(bias) = x.input_specs.get(2) {
        gradients.push(x.wanted(2, || sum_to(gradient, &bias.shape))?);
    }
    Ok(gradients)
}

/// Runs the backward instruction of a norm, whose outputs are those gradients that are wanted.
fn norm(x: &Vjp<'_>, gradient: &Tensor, backward: Op) -> InputGradients {
    let mut computed = Tensor::apply(backward, &[x.input(0)?, x.input(1)?, gradient])?.into_iter();
    Ok(x.needs[..2].iter().map(|&wanted| if wanted { computed.next() } else { None }).collect())
}

pub(super) fn add_rms_norm(x: &Vjp<'_>, eps: f64) -> InputGradients {
    let input = x.needs(0) || x.needs(1);
    add_norm(x, Op::AddRmsNormBackward { eps, input, weight: x.needs(2) })
}

pub(super) fn add_layer_norm(x: &Vjp<'_>, eps: f64) -> InputGradients {
    let input = x.needs(0) || x.needs(1);
    let mut gradients = add_norm(x, Op::AddLayerNormBackward { eps, input, weight: x.needs(2) })?;
    if let Some(bias) = x.input_specs.get(3) {
        gradients.push(match x.gradient(1) {
            Some(gradient) => x.wanted(3, || sum_to(gradient, &bias.shape))?,
            None => None,
        });
    }
    Ok(gradients)
}

/// The gradients of `x`, `residual` and `weight`. Where only the sum was read, its gradient is
/// theirs.
fn add_norm(x: &Vjp<'_>, backward: Op) -> InputGradients {
    let Some(gradient) = x.gradient(1) else {
        let through = |index: usize| x.gradient(0).filter(|_| x.needs(index)).cloned();
        return Ok(vec![through(0), through(1), None]);
    };
    let (input, weight) = (x.needs(0) || x.needs(1), x.needs(2));
    if !input && !weight {
        return Ok(vec![None; 3]);
    }
    let mut inputs = vec![x.output(0)?, x.input(2)?, gradient];
    inputs.extend(x.gradient(0));
    let mut computed = Tensor::apply(backward, &inputs)?.into_iter();
    let sum = if input { computed.next() } else { None };
    let weight = if weight { computed.next() } else { None };
    let share = |index: usize| sum.clone().filter(|_| x.needs(index));
    Ok(vec![share(0), share(1), weight])
}

pub(super) fn softmax(x: &Vjp<'_>, gradient: &Tensor) -> InputGradients {
    Ok(vec![x.wanted(0, || Tensor::single(Op::SoftmaxBackward, &[x.output(0)?, gradient]))?])
}

pub(super) fn rope(x: &Vjp<'_>, gradient: &Tensor, inverse: bool) -> InputGradients {
    if x.needs(1) || x.needs(2) {
        return Err(Error::Autodiff("the cosines and sines of rope have no gradient; detach them".into()));
    }
    let rotated = || Tensor::single(Op::Rope { inverse: !inverse }, &[gradient, x.input(1)?, x.input(2)?]);
    Ok(vec![x.wanted(0, rotated)?, None, None])
}

pub(super) fn attention(x: &Vjp<'_>, gradient: &Tensor, spec: AttentionSpec) -> InputGradients {
    let forward = (0..x.input_specs.len()).map(|index| x.input(index)).collect::<Result<Vec<_>>>()?;
    let inputs = [&forward[..], &[x.output(0)?, x.output(1)?, gradient]].concat();
    let mut computed = Tensor::apply(Op::AttentionBackward(spec), &inputs)?.into_iter();
    // The inputs after keys and values are integer positions.
    Ok(x.needs.iter().map(|&wanted| computed.next().filter(|_| wanted)).collect())
}
