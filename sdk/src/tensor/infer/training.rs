//! Loss and optimizer.

use super::Inputs;
use crate::Result;
use crate::tensor::{DType, TensorSpec};

pub(super) fn cross_entropy(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [logits, targets] = x.exactly()?;
    let loss = row_losses(x, logits, targets)?;
    Ok(vec![loss.clone(), loss])
}

pub(super) fn cross_entropy_backward(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [logits, targets, lse, grad] = x.exactly()?;
    let loss = row_losses(x, logits, targets)?;
    x.is("a log-sum-exp", lse, loss.dtype, &loss.shape)?;
    x.is("a gradient", grad, loss.dtype, &loss.shape)?;
    Ok(vec![logits.clone()])
}

fn row_losses(x: &Inputs<'_>, logits: &TensorSpec, targets: &TensorSpec) -> Result<TensorSpec> {
    x.float("logits", logits)?;
    let [n, _] = x.dims("logits", logits)?;
    x.is("targets", targets, DType::I64, &[n].into())?;
    Ok(TensorSpec::new(logits.dtype.accumulator(), [n]))
}

pub(super) fn sum_squares(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let (first, rest) = x.some()?;
    x.float("an input", first)?;
    let accumulator = first.dtype.accumulator();
    for input in rest {
        x.float("an input", input)?;
        x.ensure(input.dtype.accumulator() == accumulator, || "expected all inputs in f64, or none".into())?;
    }
    Ok(vec![TensorSpec::new(accumulator, [])])
}

pub(super) fn adamw(x: &Inputs<'_>, masters: bool, step: u64) -> Result<Vec<TensorSpec>> {
    x.ensure(step > 0, || "expected a step of at least 1".into())?;
    let (scale, rest) = x.some()?;
    let each = if masters { 5 } else { 4 };
    x.ensure(!rest.is_empty() && rest.len() % each == 0, || {
        format!("expected a factor and {each} inputs for each parameter, found {} after the factor", rest.len())
    })?;
    let mut outputs = Vec::with_capacity(rest.len() / each * (each - 1));
    for one in rest.chunks_exact(each) {
        parameter(x, one)?;
        x.is("a factor", scale, one[0].dtype.accumulator(), &[].into())?;
        outputs.extend([&one[..1], &one[2..]].concat());
    }
    Ok(outputs)
}

/// Checks a parameter, its gradient, its moments, and its master copy.
fn parameter(x: &Inputs<'_>, inputs: &[TensorSpec]) -> Result<()> {
    let (parameter, grad) = (&inputs[0], &inputs[1]);
    x.float("a parameter", parameter)?;
    let accumulator = parameter.dtype.accumulator();
    // A gradient that was accumulated over micro-batches may be more precise than its parameter.
    x.ensure(grad.dtype == parameter.dtype || grad.dtype == accumulator, || {
        format!("expected a gradient of type {} or {accumulator}, found {}", parameter.dtype, grad.dtype)
    })?;
    x.shape("a gradient", grad, &parameter.shape)?;
    for (name, state) in ["a first moment", "a second moment", "a master copy"].into_iter().zip(&inputs[2..]) {
        x.is(name, state, accumulator, &parameter.shape)?;
    }
    Ok(())
}
