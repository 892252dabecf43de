//! Normalisation, softmax, rotary embedding and attention.

use super::Inputs;
use crate::Result;
use crate::tensor::{AttentionSpec, DType, TensorSpec};

pub(super) fn norm(x: &Inputs<'_>, may_have_bias: bool) -> Result<Vec<TensorSpec>> {
    let inputs = x.between(2..=if may_have_bias { 3 } else { 2 })?;
    normalised(x, &inputs[0], &inputs[1])?;
    if let Some(bias) = inputs.get(2) {
        x.is("a bias", bias, inputs[0].dtype, &inputs[1].shape)?;
    }
    Ok(vec![inputs[0].clone()])
}

pub(super) fn norm_backward(x: &Inputs<'_>, wants_input: bool, wants_weight: bool) -> Result<Vec<TensorSpec>> {
    let [input, weight, grad] = x.exactly()?;
    normalised(x, input, weight)?;
    x.is("a gradient", grad, input.dtype, &input.shape)?;
    x.ensure(wants_input || wants_weight, || "expected that the gradient of the input or of the weight is wanted".into())?;
    Ok([wants_input.then(|| input.clone()), wants_weight.then(|| weight.clone())].into_iter().flatten().collect())
}

pub(super) fn add_norm(x: &Inputs<'_>, may_have_bias: bool) -> Result<Vec<TensorSpec>> {
    let inputs = x.between(3..=if may_have_bias { 4 } else { 3 })?;
    let (input, residual, weight) = (&inputs[0], &inputs[1], &inputs[2]);
    normalised(x, input, weight)?;
    x.is("a residual", residual, input.dtype, &input.shape)?;
    if let Some(bias) = inputs.get(3) {
        x.is("a bias", bias, input.dtype, &weight.shape)?;
    }
    Ok(vec![input.clone(), input.clone()])
}

pub(super) fn add_norm_backward(x: &Inputs<'_>, wants_input: bool, wants_weight: bool) -> Result<Vec<TensorSpec>> {
    let inputs = x.between(3..=4)?;
    let (sum, weight) = (&inputs[0], &inputs[1]);
    normalised(x, sum, weight)?;
    for grad in &inputs[2..] {
        x.is("a gradient", grad, sum.dtype, &sum.shape)?;
    }
    x.ensure(wants_input || wants_weight, || "expected that the gradient of the input or of the weight is wanted".into())?;
    Ok([wants_input.then(|| sum.clone()), wants_weight.then(|| weight.clone())].into_iter().flatten().collect())
}

fn normalised(x: &Inputs<'_>, input: &TensorSpec, weight: &TensorSpec) -> Result<()> {
    x.float("an input", input)?;
    x.rank_at_least("an input", input, 1)?;
    x.is("a weight", weight, input.dtype, &[input.shape.last()].into())
}

pub(super) fn softmax(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [input] = x.exactly()?;
    x.float("an input", input)?;
    x.rank_at_least("an input", input, 1)?;
    Ok(vec![input.clone()])
}

pub(super) fn softmax_backward(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [output, grad] = x.exactly()?;
    x.float("an output", output)?;
    x.rank_at_least("an output", output, 1)?;
    x.is("a gradient", grad, output.dtype, &output.shape)?;
    Ok(vec![output.clone()])
}

pub(super) fn rope(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [input, cos, sin] = x.exactly()?;
    x.float("an input", input)?;
    let [b, s, _, d] = x.dims("an input", input)?;
    x.ensure(d % 2 == 0, || format!("expected heads of an even size, found {d}"))?;
    let batch = if cos.shape.dims().first() == Some(&1) { 1 } else { b };
    let table = [batch, s, d / 2].into();
    x.is("the cosines", cos, input.dtype.accumulator(), &table)?;
    x.is("the sines", sin, input.dtype.accumulator(), &table)?;
    Ok(vec![input.clone()])
}

pub(super) fn attention(x: &Inputs<'_>, spec: &AttentionSpec) -> Result<Vec<TensorSpec>> {
    let count = 3 + places(spec);
    let inputs = x.between(count..=count)?;
    let lse = attended(x, spec, inputs)?;
    Ok(vec![inputs[0].clone(), lse])
}

pub(super) fn attention_backward(x: &Inputs<'_>, spec: &AttentionSpec) -> Result<Vec<TensorSpec>> {
    let count = 6 + places(spec);
    let inputs = x.between(count..=count)?;
    let (forward, rest) = inputs.split_at(inputs.len() - 3);
    let lse = attended(x, spec, forward)?;
    let q = &forward[0];
    x.is("an output", &rest[0], q.dtype, &q.shape)?;
    x.is("a log-sum-exp", &rest[1], lse.dtype, &lse.shape)?;
    x.is("a gradient", &rest[2], q.dtype, &q.shape)?;
    Ok(forward[..3].to_vec())
}

/// The number of inputs that say where queries and keys stand.
fn places(spec: &AttentionSpec) -> usize {
    usize::from(spec.spans) + 2 * usize::from(spec.positions)
}

/// Checks `q, k, v` and what follows of spans and positions; the specification of the log-sum-exp.
fn attended(x: &Inputs<'_>, spec: &AttentionSpec, inputs: &[TensorSpec]) -> Result<TensorSpec> {
    let (q, k, v) = (&inputs[0], &inputs[1], &inputs[2]);
    x.ensure(spec.scale.is_finite(), || format!("expected a finite scale, found {}", spec.scale))?;
    x.float("queries", q)?;
    let [b, s, h, d] = x.dims("queries", q)?;
    let [_, t, g, _] = x.dims("keys", k)?;
    x.is("keys", k, q.dtype, &[b, t, g, d].into())?;
    x.is("values", v, q.dtype, &k.shape)?;
    x.ensure(h.checked_rem(g) == Some(0), || {
        format!("expected query heads that are a multiple of the {g} key heads, found {h}")
    })?;
    let mut rest = &inputs[3..];
    if spec.spans
        && let [spans, after @ ..] = rest
    {
        x.is("spans", spans, DType::I64, &[b, 3].into())?;
        rest = after;
    }
    if let [q_positions, k_positions] = rest {
        x.is("query positions", q_positions, DType::I64, &[b, s].into())?;
        x.is("key positions", k_positions, DType::I64, &[b, t].into())?;
    }
    Ok(TensorSpec::new(q.dtype.accumulator(), [b, h, s]))
}
