//! Element-wise instructions and reductions.

use super::Inputs;
use crate::Result;
use crate::tensor::{DType, ReduceOp, TensorSpec};

pub(super) fn cast(x: &Inputs<'_>, dtype: DType) -> Result<Vec<TensorSpec>> {
    let [input] = x.exactly()?;
    let fits = |a: DType, b: DType| !a.is_quantized() || b.is_float() || a == b;
    x.ensure(fits(dtype, input.dtype) && fits(input.dtype, dtype), || {
        format!("expected a floating-point type on the other side of a quantised one, found {} to {dtype}", input.dtype)
    })?;
    Ok(vec![TensorSpec::new(dtype, &input.shape)])
}

/// A float to a float of the same shape.
pub(super) fn map(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [input] = x.exactly()?;
    x.float("an input", input)?;
    Ok(vec![input.clone()])
}

pub(super) fn dropout(x: &Inputs<'_>, p: f64) -> Result<Vec<TensorSpec>> {
    x.ensure((0.0..1.0).contains(&p), || format!("expected a probability of at least 0 and below 1, found {p}"))?;
    map(x)
}

pub(super) fn binary(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [a, b] = x.exactly()?;
    x.ensure(a.dtype != DType::Bool, || "expected numbers, found bool".into())?;
    x.dtype("the second input", b, a.dtype)?;
    Ok(vec![TensorSpec::new(a.dtype, x.broadcast(&a.shape, &b.shape)?)])
}

pub(super) fn compare(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [a, b] = x.exactly()?;
    x.dtype("the second input", b, a.dtype)?;
    Ok(vec![TensorSpec::new(DType::Bool, x.broadcast(&a.shape, &b.shape)?)])
}

pub(super) fn select(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [condition, a, b] = x.exactly()?;
    x.dtype("a condition", condition, DType::Bool)?;
    x.dtype("the second choice", b, a.dtype)?;
    let shape = x.broadcast(&condition.shape, &x.broadcast(&a.shape, &b.shape)?)?;
    Ok(vec![TensorSpec::new(a.dtype, shape)])
}

pub(super) fn gated(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    match x.between(1..=2)? {
        [gate, up] => {
            x.float("a gate", gate)?;
            x.is("the second input", up, gate.dtype, &gate.shape)?;
            Ok(vec![gate.clone()])
        }
        inputs => Ok(vec![halved(x, &inputs[0])?]),
    }
}

/// The specification of one half of each row.
fn halved(x: &Inputs<'_>, both: &TensorSpec) -> Result<TensorSpec> {
    x.float("a gate", both)?;
    x.rank_at_least("a gate", both, 1)?;
    let width = both.shape.last();
    x.ensure(width.is_multiple_of(2), || format!("expected rows of an even length, found {width}"))?;
    Ok(TensorSpec::new(both.dtype, both.shape.with(both.shape.rank() - 1, width / 2)))
}

pub(super) fn bias_activation(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [input, bias] = x.exactly()?;
    biased(x, input, bias)?;
    Ok(vec![input.clone()])
}

pub(super) fn bias_activation_backward(x: &Inputs<'_>, wants_input: bool, wants_bias: bool) -> Result<Vec<TensorSpec>> {
    let [input, bias, grad] = x.exactly()?;
    biased(x, input, bias)?;
    x.is("a gradient", grad, input.dtype, &input.shape)?;
    x.ensure(wants_input || wants_bias, || "expected that the gradient of the input or of the bias is wanted".into())?;
    Ok([wants_input.then(|| input.clone()), wants_bias.then(|| bias.clone())].into_iter().flatten().collect())
}

fn biased(x: &Inputs<'_>, input: &TensorSpec, bias: &TensorSpec) -> Result<()> {
    x.float("an input", input)?;
    x.rank_at_least("an input", input, 1)?;
    x.is("a bias", bias, input.dtype, &[input.shape.last()].into())
}

pub(super) fn gated_backward(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let inputs = x.between(2..=3)?;
    let [gate, up, grad] = inputs else {
        let half = halved(x, &inputs[0])?;
        x.is("a gradient", &inputs[1], half.dtype, &half.shape)?;
        return Ok(inputs[..1].to_vec());
    };
    x.float("a gate", gate)?;
    x.is("the second input", up, gate.dtype, &gate.shape)?;
    x.is("a gradient", grad, gate.dtype, &gate.shape)?;
    Ok(vec![gate.clone(), gate.clone()])
}

pub(super) fn reduce(x: &Inputs<'_>, op: ReduceOp, dims: &[usize], keep: bool) -> Result<Vec<TensorSpec>> {
    let [input] = x.exactly()?;
    x.float("an input", input)?;
    let rank = input.shape.rank();
    x.ensure(dims.is_sorted_by(|a, b| a < b) && dims.last().is_none_or(|&last| last < rank), || {
        format!("expected strictly ascending dimensions below {rank}, found {dims:?}")
    })?;
    let extents = input.shape.dims();
    x.ensure(op != ReduceOp::Max || dims.iter().all(|&dim| extents[dim] > 0), || {
        "the maximum of no elements is undefined".into()
    })?;
    let reduced = |(dim, &extent): (usize, &usize)| match (dims.contains(&dim), keep) {
        (false, _) => Some(extent),
        (true, true) => Some(1),
        (true, false) => None,
    };
    let shape: Vec<usize> = extents.iter().enumerate().filter_map(reduced).collect();
    Ok(vec![TensorSpec::new(input.dtype, shape)])
}

pub(super) fn top_k(x: &Inputs<'_>, k: usize) -> Result<Vec<TensorSpec>> {
    let [input] = x.exactly()?;
    x.float("an input", input)?;
    x.rank_at_least("an input", input, 1)?;
    let width = input.shape.last();
    x.ensure(k <= width, || format!("expected at most the {width} elements of a row, found k = {k}"))?;
    let shape = input.shape.with(input.shape.rank() - 1, k);
    Ok(vec![TensorSpec::new(input.dtype, &shape), TensorSpec::new(DType::I64, shape)])
}

pub(super) fn arg_max(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [input] = x.exactly()?;
    x.float("an input", input)?;
    x.rank_at_least("an input", input, 1)?;
    let (&last, rows) = input.shape.dims().split_last().unwrap_or((&0, &[]));
    x.ensure(last > 0, || "the maximum of no elements is undefined".into())?;
    Ok(vec![TensorSpec::new(DType::I64, rows)])
}
