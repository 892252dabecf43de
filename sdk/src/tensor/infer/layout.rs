//! Creation and layout instructions.

use super::Inputs;
use crate::Result;
use crate::tensor::{DType, Shape, TensorSpec};

pub(super) fn creation(x: &Inputs<'_>, dtype: DType, shape: &Shape) -> Result<Vec<TensorSpec>> {
    let [] = x.exactly()?;
    x.ensure(!dtype.is_quantized(), || format!("a tensor of {dtype} is made by a cast alone"))?;
    Ok(vec![TensorSpec::new(dtype, shape)])
}

pub(super) fn arange(x: &Inputs<'_>, start: i64, len: usize) -> Result<Vec<TensorSpec>> {
    let end = i64::try_from(len).ok().and_then(|len| start.checked_add(len));
    x.ensure(end.is_some(), || format!("the values {start} and up, {len} of them, do not fit i64"))?;
    creation(x, DType::I64, &[len].into())
}

pub(super) fn reshape(x: &Inputs<'_>, shape: &Shape) -> Result<Vec<TensorSpec>> {
    let [input] = x.exactly()?;
    let output = TensorSpec::new(input.dtype, shape);
    // Counting the elements of an absurd shape would overflow.
    output.check()?;
    x.ensure(shape.count() == input.shape.count(), || {
        format!("expected a shape of {} elements, found {shape} of {}", input.shape.count(), shape.count())
    })?;
    Ok(vec![output])
}

pub(super) fn permute(x: &Inputs<'_>, dims: &[usize]) -> Result<Vec<TensorSpec>> {
    let [input] = x.exactly()?;
    let mut sorted = dims.to_vec();
    sorted.sort_unstable();
    x.ensure(sorted.iter().copied().eq(0..input.shape.rank()), || {
        format!("expected a permutation of the {} dimensions, found {dims:?}", input.shape.rank())
    })?;
    let extents: Vec<usize> = dims.iter().map(|&dim| input.shape.dims()[dim]).collect();
    Ok(vec![TensorSpec::new(input.dtype, extents)])
}

pub(super) fn broadcast(x: &Inputs<'_>, shape: &Shape) -> Result<Vec<TensorSpec>> {
    let [input] = x.exactly()?;
    let fits = input.shape.broadcast_with(shape).as_ref() == Some(shape);
    x.ensure(fits, || format!("shape {} does not broadcast to {shape}", input.shape))?;
    Ok(vec![TensorSpec::new(input.dtype, shape)])
}

pub(super) fn slice(x: &Inputs<'_>, dim: usize, start: usize, len: usize) -> Result<Vec<TensorSpec>> {
    let [input] = x.exactly()?;
    let extent = x.extent(input, dim)?;
    x.ensure(start.checked_add(len).is_some_and(|end| end <= extent), || {
        format!("expected a range within the {extent} indices of dimension {dim}, found {len} from {start}")
    })?;
    Ok(vec![TensorSpec::new(input.dtype, input.shape.with(dim, len))])
}

pub(super) fn split(x: &Inputs<'_>, dim: usize, sizes: &[usize]) -> Result<Vec<TensorSpec>> {
    let [input] = x.exactly()?;
    let extent = x.extent(input, dim)?;
    let sum = sizes.iter().try_fold(0_usize, |sum, &size| sum.checked_add(size));
    x.ensure(!sizes.is_empty() && sum == Some(extent), || {
        format!("expected sizes that add up to the {extent} indices of dimension {dim}, found {sizes:?}")
    })?;
    Ok(sizes.iter().map(|&size| TensorSpec::new(input.dtype, input.shape.with(dim, size))).collect())
}

pub(super) fn write_slice(x: &Inputs<'_>, dim: usize, start: usize) -> Result<Vec<TensorSpec>> {
    let [base, update] = x.exactly()?;
    let extent = x.extent(base, dim)?;
    x.ensure(update.shape.rank() == base.shape.rank(), || {
        format!("expected an update of {} dimensions, found {}", base.shape.rank(), update.shape)
    })?;
    let len = update.shape.dims()[dim];
    x.is("an update", update, base.dtype, &base.shape.with(dim, len))?;
    x.ensure(start.checked_add(len).is_some_and(|end| end <= extent), || {
        format!("expected a range within the {extent} indices of dimension {dim}, found {len} from {start}")
    })?;
    Ok(vec![base.clone()])
}

pub(super) fn concat(x: &Inputs<'_>, dim: usize) -> Result<Vec<TensorSpec>> {
    let (first, rest) = x.some()?;
    let mut extent = x.extent(first, dim)?;
    for input in rest {
        x.ensure(input.shape.rank() == first.shape.rank(), || format!("expected inputs of {} dimensions", first.shape.rank()))?;
        let len = input.shape.dims()[dim];
        x.is("each input", input, first.dtype, &first.shape.with(dim, len))?;
        extent = extent.checked_add(len).ok_or_else(|| x.error("the joined extent overflows"))?;
    }
    Ok(vec![TensorSpec::new(first.dtype, first.shape.with(dim, extent))])
}
