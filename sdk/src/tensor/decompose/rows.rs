//! Softmax and the log-sum-exp of rows.

use super::{last, scalar, wide};
use crate::Result;
use crate::tensor::Tensor;

pub(super) fn softmax(x: &Tensor) -> Result<Tensor> {
    if x.shape().last() == 0 {
        return Ok(x.clone());
    }
    let rows = wide(x)?;
    let powers = rows.sub(&rows.max(last(&rows), true)?)?.exp()?;
    powers.div(&powers.sum(last(&powers), true)?)?.cast(x.dtype())
}

pub(super) fn softmax_backward(y: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let (wide_y, grad) = (wide(y)?, wide(grad)?);
    let along = wide_y.mul(&grad)?.sum(last(&grad), true)?;
    grad.sub(&along)?.mul(&wide_y)?.cast(y.dtype())
}

/// The log-sum-exp of each row, `[.., n] -> [.., 1]`: minus infinity for rows that are empty or
/// minus infinity throughout.
pub(super) fn log_sum_exp(x: &Tensor) -> Result<Tensor> {
    if x.shape().last() == 0 {
        return x.device().full(x.dtype(), x.shape().with(x.shape().rank() - 1, 1), f64::NEG_INFINITY);
    }
    let shift = finite(&x.max(last(x), true)?)?;
    x.sub(&shift)?.exp()?.sum(last(x), true)?.log()?.add(&shift)
}

/// 0 instead of minus infinity, which cannot be subtracted from itself.
pub(super) fn finite(x: &Tensor) -> Result<Tensor> {
    x.eq(&scalar(f64::NEG_INFINITY, x)?)?.select(&scalar(0.0, x)?, x)
}
