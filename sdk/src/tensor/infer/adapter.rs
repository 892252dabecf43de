//! Low-rank adapters.

use super::Inputs;
use crate::Result;
use crate::tensor::TensorSpec;

pub(super) fn adapter(x: &Inputs<'_>, scale: f64, p: f64) -> Result<Vec<TensorSpec>> {
    let [y, input, down, up] = x.exactly()?;
    let low = low(x, (scale, p), [input, down, up])?;
    x.is("an output to add to", y, input.dtype, &input.shape.with(input.shape.rank() - 1, up.shape.dims()[0]))?;
    Ok(vec![y.clone(), low])
}

pub(super) fn backward(x: &Inputs<'_>, settings: (f64, f64), wanted: [bool; 3]) -> Result<Vec<TensorSpec>> {
    let [input, down, up, kept, grad] = x.exactly()?;
    let low = low(x, settings, [input, down, up])?;
    x.is("the low-rank product", kept, low.dtype, &low.shape)?;
    x.is("a gradient", grad, input.dtype, &input.shape.with(input.shape.rank() - 1, up.shape.dims()[0]))?;
    x.ensure(wanted.contains(&true), || "expected that a gradient is wanted".into())?;
    Ok([input, down, up].into_iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(spec, _)| spec.clone()).collect())
}

/// Checks `x [.., i], down [r, i], up [o, r]`; the specification of `x down^T`.
fn low(x: &Inputs<'_>, (scale, p): (f64, f64), [input, down, up]: [&TensorSpec; 3]) -> Result<TensorSpec> {
    x.ensure(scale.is_finite(), || format!("expected a finite scale, found {scale}"))?;
    x.ensure((0.0..1.0).contains(&p), || format!("expected a probability of at least 0 and below 1, found {p}"))?;
    x.float("an input", input)?;
    x.rank_at_least("an input", input, 1)?;
    let [rank, _] = x.dims("the first factor", down)?;
    let [outputs, _] = x.dims("the second factor", up)?;
    x.is("the first factor", down, input.dtype, &[rank, input.shape.last()].into())?;
    x.is("the second factor", up, input.dtype, &[outputs, rank].into())?;
    Ok(TensorSpec::new(input.dtype, input.shape.with(input.shape.rank() - 1, rank)))
}
