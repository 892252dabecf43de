//! Cross-entropy, the sum of squares and the AdamW step.

use super::rows::{finite, log_sum_exp};
use super::{scalar, wide};
use crate::tensor::{AdamW, Device, Op, Tensor};
use crate::{Error, Result};

pub(super) fn cross_entropy(logits: &Tensor, targets: &Tensor, device: &Device) -> Result<Vec<Tensor>> {
    check_targets(logits, targets)?;
    let x = wide(logits)?;
    let n = x.dims()[0];
    let zero = scalar(0.0, &x)?;
    let lse = log_sum_exp(&x)?.reshape([n])?;
    let of_target = one_hot(logits, targets, device)?.select(&x, &zero)?.sum([1], false)?;
    let loss = counted(targets)?.select(&lse.sub(&of_target)?, &zero)?;
    Ok(vec![loss, lse])
}

/// `(softmax(logits) - one_hot(target)) * grad`, and 0 in rows whose target is negative.
pub(super) fn cross_entropy_backward(x: &[Tensor], device: &Device) -> Result<Tensor> {
    let [logits, targets, lse, grad] = x else { return Err(Error::Autodiff("cross_entropy_backward takes four inputs".into())) };
    let n = logits.dims()[0];
    let probabilities = wide(logits)?.sub(&finite(lse)?.reshape([n, 1])?)?.exp()?;
    let hit = one_hot(logits, targets, device)?.cast(probabilities.dtype())?;
    let gradient = probabilities.sub(&hit)?.mul(&grad.reshape([n, 1])?)?;
    counted(targets)?.reshape([n, 1])?.select(&gradient, &scalar(0.0, &gradient)?)?.cast(logits.dtype())
}

/// `[n, v]`: where a column is the row's target.
fn one_hot(logits: &Tensor, targets: &Tensor, device: &Device) -> Result<Tensor> {
    let (n, v) = (logits.dims()[0], logits.dims()[1]);
    device.arange(0, v)?.reshape([1, v])?.eq(&targets.reshape([n, 1])?)
}

/// Where a row has a target.
fn counted(targets: &Tensor) -> Result<Tensor> {
    targets.ge(&scalar(0.0, targets)?)
}

/// A target that is not a column would otherwise pass for a row without one.
fn check_targets(logits: &Tensor, targets: &Tensor) -> Result<()> {
    let v = logits.dims()[1];
    let beyond = |&target: &i64| usize::try_from(target).is_ok_and(|target| target >= v);
    match targets.to_vec::<i64>()?.into_iter().enumerate().find(|(_, target)| beyond(target)) {
        None => Ok(()),
        Some((row, target)) => Err(Error::Invalid {
            op: Op::CrossEntropy.name(),
            inputs: vec![logits.spec().clone(), targets.spec().clone()],
            message: format!("expected targets below {v}, found {target} in row {row}"),
        }),
    }
}

pub(super) fn sum_squares(x: &[Tensor]) -> Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    for input in x {
        let square = wide(input)?.square()?.sum_all()?;
        sum = Some(sum.map_or(Ok(square.clone()), |sum| sum.add(&square))?);
    }
    sum.ok_or_else(|| Error::Invalid { op: Op::SumSquares.name(), inputs: vec![], message: "expected at least one input".into() })
}

pub(super) fn adamw(x: &[Tensor], settings: &AdamW) -> Result<Vec<Tensor>> {
    let &AdamW { lr, beta1, beta2, eps, weight_decay, step, grad_scale } = settings;
    let (parameter, master) = (&x[0], x.get(4));
    let correction = |beta: f64| 1.0 - beta.powf(step as f64);
    let grad = wide(&x[1])?.affine(grad_scale, 0.0)?;
    let m = x[2].affine(beta1, 0.0)?.add(&grad.affine(1.0 - beta1, 0.0)?)?;
    let v = x[3].affine(beta2, 0.0)?.add(&grad.square()?.affine(1.0 - beta2, 0.0)?)?;
    let denominator = v.sqrt()?.affine(correction(beta2).sqrt().recip(), eps)?;
    let decayed = wide(master.unwrap_or(parameter))?.affine(1.0 - lr * weight_decay, 0.0)?;
    let updated = decayed.sub(&m.div(&denominator)?.affine(lr / correction(beta1), 0.0)?)?;
    let mut outputs = vec![updated.cast(parameter.dtype())?, m, v];
    outputs.extend(master.map(|_| updated));
    Ok(outputs)
}
