//! Cross-entropy, the sum of squares and the AdamW step.

use super::rows::{finite, log_sum_exp};
use super::{scalar, wide};
use crate::tensor::{Device, Op, Tensor};
use crate::{Error, Result};

pub(super) fn cross_entropy(logits: &Tensor, targets: &Tensor, device: &Device) -> Result<Vec<Tensor>> {
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

pub(super) fn sum_squares(x: &[Tensor]) -> Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    for input in x {
        let square = wide(input)?.square()?.sum_all()?;
        sum = Some(sum.map_or(Ok(square.clone()), |sum| sum.add(&square))?);
    }
    sum.ok_or_else(|| Error::Invalid { op: Op::SumSquares.name(), inputs: vec![], message: "expected at least one input".into() })
}

/// Every number that changes from step to step is uploaded, so that two steps are the same
/// instructions.
pub(super) fn adamw(op: &Op, x: &[Tensor]) -> Result<Vec<Tensor>> {
    let &Op::AdamW { beta1, beta2, eps, weight_decay, masters, lr, step } = op else {
        return Err(Error::Autodiff("expected an AdamW step".into()));
    };
    let Some((scale, rest)) = x.split_first() else {
        return Err(Error::Autodiff("an AdamW step has no inputs".into()));
    };
    let number = |value: f64| scale.device().from_slice(&[value], [])?.cast(scale.dtype());
    let correction = |beta: f64| 1.0 - beta.powf(step as f64);
    let (keep, rate) = (number(1.0 - lr * weight_decay)?, number(lr / correction(beta1))?);
    let unbias = number(correction(beta2).sqrt().recip())?;
    let sound = scale.eq(scale)?;
    let mut outputs = Vec::new();
    for one in rest.chunks_exact(if masters { 5 } else { 4 }) {
        let (parameter, master) = (&one[0], one.get(4));
        let exact = wide(master.unwrap_or(parameter))?;
        let grad = wide(&one[1])?.mul(scale)?;
        let m = one[2].affine(beta1, 0.0)?.add(&grad.affine(1.0 - beta1, 0.0)?)?;
        let v = one[3].affine(beta2, 0.0)?.add(&grad.square()?.affine(1.0 - beta2, 0.0)?)?;
        let denominator = v.sqrt()?.mul(&unbias)?.affine(1.0, eps)?;
        let updated = sound.select(&exact.mul(&keep)?.sub(&m.div(&denominator)?.mul(&rate)?)?, &exact)?;
        // A parameter that does not change keeps its bits, whatever its master copy rounds to.
        outputs.push(sound.select(&updated.cast(parameter.dtype())?, parameter)?);
        outputs.extend([sound.select(&m, &one[2])?, sound.select(&v, &one[3])?]);
        outputs.extend(master.map(|_| updated));
    }
    Ok(outputs)
}
