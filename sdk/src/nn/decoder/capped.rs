//! Attention whose scores are kept within a bound (Gemma 2): `cap tanh(score / cap)`.
//!
//! The instruction for attention has no such bound, so that this one is made of others, and costs
//! the memory of all scores.

use crate::Result;
use crate::tensor::{AttentionSpec, DType, Tensor};

/// What the score of a hidden key is: so low that its weight is 0, and finite, so that a row which
/// sees nothing has no NaN.
const HIDDEN: f64 = -1e30;

/// As [`Tensor::attention`], with bounded scores: `q [b, s, h, d]`, `k` and `v [b, t, g, d]` to
/// `[b, s, h, d]`. Keys are given by `spans [b, 3]` and `positions ([b, s], [b, t])` as there.
///
/// # Errors
/// If the inputs do not fit.
pub(super) fn capped_attention(
    q: &Tensor,
    (k, v): (&Tensor, &Tensor),
    spec: AttentionSpec,
    cap: f64,
    spans: Option<&Tensor>,
    positions: Option<(&Tensor, &Tensor)>,
) -> Result<Tensor> {
    let (dtype, wide) = (q.dtype(), q.dtype().accumulator());
    let &[b, s, h, d] = q.dims() else { return Err(not_heads(q)) };
    let &[_, t, g, _] = k.dims() else { return Err(not_heads(k)) };
    let groups = h / g.max(1);
    // All queries that meet the same keys, as the rows of one matrix.
    let q = q.cast(wide)?.reshape([b, s, g, groups, d])?.permute([0, 2, 3, 1, 4])?.reshape([b, g, groups * s, d])?;
    let heads_first = |x: &Tensor| x.cast(wide)?.permute([0, 2, 1, 3]);
    let scores = q.matmul_transposed(&heads_first(k)?, false, true)?.affine(spec.scale / cap, 0.0)?.tanh()?.affine(cap, 0.0)?;
    let seen = seen(spec, [b, s, t], spans, positions, q.device())?;
    let hidden = q.device().full(wide, [1, 1, 1, 1, 1], HIDDEN)?;
    let scores = seen.select(&scores.reshape([b, g, groups, s, t])?, &hidden)?;
    let out = scores.softmax()?.reshape([b, g, groups * s, t])?.matmul(&heads_first(v)?)?;
    out.reshape([b, g, groups, s, d])?.permute([0, 3, 1, 2, 4])?.reshape([b, s, h, d])?.cast(dtype)
}

/// Which keys each query sees: `[b or 1, 1, 1, s, t]`.
fn seen(
    spec: AttentionSpec,
    [b, s, t]: [usize; 3],
    spans: Option<&Tensor>,
    positions: Option<(&Tensor, &Tensor)>,
    device: &crate::Device,
) -> Result<Tensor> {
    let index = device.arange(0, t)?.reshape([1, 1, 1, 1, t])?;
    let column = |which: usize| spans.map(|spans| spans.slice(1, which, 1)?.reshape([b, 1, 1, 1, 1])).transpose();
    let (query, key) = match (positions, column(2)?) {
        (Some((query, key)), _) => (query.reshape([b, 1, 1, s, 1])?, key.reshape([b, 1, 1, 1, t])?),
        (None, Some(first)) => (device.arange(0, s)?.reshape([1, 1, 1, s, 1])?.add(&first)?, index.clone()),
        (None, None) => (device.arange(t as i64 - s as i64, s)?.reshape([1, 1, 1, s, 1])?, index.clone()),
    };
    let mut conditions = vec![key.le(&query)?];
    if let (Some(start), Some(len)) = (column(0)?, column(1)?) {
        conditions.extend([index.ge(&start)?, index.lt(&start.add(&len)?)?]);
    }
    if let Some(window) = spec.window {
        let window = device.full(DType::I64, [1], window as f64)?;
        conditions.push(key.add(&window)?.ge(&query)?);
    }
    // The instruction set has no logical "and": as numbers, all are true where the least is.
    let mut all = device.full(DType::F32, [1], 1.0)?;
    for condition in conditions {
        all = all.mul(&condition.cast(DType::F32)?)?;
    }
    all.gt(&device.full(DType::F32, [1], 0.0)?)
}

fn not_heads(x: &Tensor) -> crate::Error {
    crate::Error::Input(format!("attention reads [batch, seq, heads, size], got {}", x.spec()))
}
