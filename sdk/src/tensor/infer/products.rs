//! Matrix products and tables of rows.

use super::Inputs;
use crate::Result;
use crate::tensor::{DType, Shape, TensorSpec};

pub(super) fn matmul(x: &Inputs<'_>, transpose_a: bool, transpose_b: bool) -> Result<Vec<TensorSpec>> {
    let [a, b] = x.exactly()?;
    x.float("the first input", a)?;
    x.dtype("the second input", b, a.dtype)?;
    let (a_batch, m, k) = matrix(x, "the first input", a, transpose_a)?;
    let (b_batch, b_k, n) = matrix(x, "the second input", b, transpose_b)?;
    x.ensure(k == b_k, || format!("expected equal inner extents, found {k} and {b_k}"))?;
    let batch = x.broadcast(&a_batch, &b_batch)?;
    Ok(vec![TensorSpec::new(a.dtype, [batch.dims(), &[m, n]].concat())])
}

/// The leading extents of a batch of matrices, and the rows and columns of each after the
/// transposition.
fn matrix(x: &Inputs<'_>, name: &str, spec: &TensorSpec, transposed: bool) -> Result<(Shape, usize, usize)> {
    match spec.shape.dims() {
        [batch @ .., rows, columns] if transposed => Ok((batch.into(), *columns, *rows)),
        [batch @ .., rows, columns] => Ok((batch.into(), *rows, *columns)),
        _ => Err(x.error(format!("expected {name} of at least 2 dimensions, found {}", spec.shape))),
    }
}

pub(super) fn linear(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let inputs = x.between(2..=3)?;
    let (input, weight) = (&inputs[0], &inputs[1]);
    x.float("an input", input)?;
    x.rank_at_least("an input", input, 1)?;
    if !is_stored_shorter(weight.dtype, input.dtype) {
        x.dtype("a weight", weight, input.dtype)?;
    }
    let [o, i] = x.dims("a weight", weight)?;
    x.ensure(i == input.shape.last(), || {
        format!("expected an input of {i} features (the weight's), found {}", input.shape.last())
    })?;
    if let Some(bias) = inputs.get(2) {
        x.is("a bias", bias, input.dtype, &[o].into())?;
    }
    Ok(vec![TensorSpec::new(input.dtype, input.shape.with(input.shape.rank() - 1, o))])
}

/// Whether a weight of type `weight` may stand beside numbers of type `x`, for which it is unpacked
/// or widened.
fn is_stored_shorter(weight: DType, x: DType) -> bool {
    weight.is_quantized() || (matches!(weight, DType::BF16 | DType::F16) && x == DType::F32)
}

pub(super) fn embedding(x: &Inputs<'_>) -> Result<Vec<TensorSpec>> {
    let [table, ids] = x.exactly()?;
    let dtype = if table.dtype.is_quantized() { DType::F32 } else { table.dtype };
    x.ensure(dtype.is_float(), || format!("expected a table of a floating-point or quantised type, found {dtype}"))?;
    x.integer("ids", ids)?;
    let [_, d] = x.dims("a table", table)?;
    Ok(vec![TensorSpec::new(dtype, [ids.shape.dims(), &[d]].concat())])
}

pub(super) fn embedding_backward(x: &Inputs<'_>, rows: usize) -> Result<Vec<TensorSpec>> {
    let [grad, ids] = x.exactly()?;
    x.float("a gradient", grad)?;
    x.integer("ids", ids)?;
    x.rank_at_least("a gradient", grad, 1)?;
    let d = grad.shape.last();
    x.shape("a gradient", grad, &[ids.shape.dims(), &[d]].concat().into())?;
    Ok(vec![TensorSpec::new(grad.dtype, [rows, d])])
}
