//! Scaled dot-product attention with grouped heads, and its gradient by a second computation of the
//! probabilities from the log-sum-exp (Dao et al. 2022, arXiv 2205.14135, without the tiling).

use super::rows::{finite, log_sum_exp};
use super::{last, scalar, wide};
use crate::Result;
use crate::tensor::{AttentionSpec, DType, Device, Tensor};

/// Extents: batch, queries, keys, key heads, query heads of each key head, size of a head.
#[derive(Clone, Copy)]
struct Extents {
    b: usize,
    s: usize,
    t: usize,
    g: usize,
    r: usize,
    d: usize,
}

impl Extents {
    fn of(q: &Tensor, k: &Tensor) -> Self {
        let (q, k) = (q.dims(), k.dims());
        Extents { b: q[0], s: q[1], t: k[1], g: k[2], r: q[2] / k[2], d: q[3] }
    }

    /// `[b, s, h, d] -> [b, g, r * s, d]`: all rows that meet the same keys, as one matrix, in the
    /// accumulator type.
    fn group(self, x: &Tensor) -> Result<Tensor> {
        let Extents { b, s, g, r, d, .. } = self;
        wide(x)?.reshape([b, s, g, r, d])?.permute([0, 2, 3, 1, 4])?.reshape([b, g, r * s, d])
    }

    fn ungroup(self, x: &Tensor, dtype: DType) -> Result<Tensor> {
        let Extents { b, s, g, r, d, .. } = self;
        x.reshape([b, g, r, s, d])?.permute([0, 3, 1, 2, 4])?.reshape([b, s, g * r, d])?.cast(dtype)
    }

    /// The scaled scores `[b, g, r * s, t]`, minus infinity where the query does not see the key.
    fn scores(self, q: &Tensor, k: &Tensor, spec: &AttentionSpec, positions: &[Tensor], device: &Device) -> Result<Tensor> {
        let Extents { b, s, t, g, r, .. } = self;
        let scores = q.matmul_transposed(k, false, true)?.affine(spec.scale, 0.0)?;
        let Some(seen) = self.seen(spec, positions, device)? else { return Ok(scores) };
        let hidden = scalar(f64::NEG_INFINITY, &scores)?;
        seen.select(&scores.reshape([b, g, r, s, t])?, &hidden)?.reshape([b, g, r * s, t])
    }

    /// Which keys each query sees, `[b or 1, 1, 1, s, t]`; `None` if all.
    fn seen(self, spec: &AttentionSpec, positions: &[Tensor], device: &Device) -> Result<Option<Tensor>> {
        let Extents { b, s, t, .. } = self;
        if !(spec.spans || spec.positions || spec.causal || spec.window.is_some()) {
            return Ok(None);
        }
        let (spans, positions) = positions.split_at(usize::from(spec.spans));
        let index = device.arange(0, t)?.reshape([1, 1, 1, 1, t])?;
        let column = |which: usize| spans.first().map(|spans| spans.slice(1, which, 1)?.reshape([b, 1, 1, 1, 1])).transpose();
        let (query, key) = match (positions, column(2)?) {
            ([query, key], _) => (query.reshape([b, 1, 1, s, 1])?, key.reshape([b, 1, 1, 1, t])?),
            (_, Some(first)) => (device.arange(0, s)?.reshape([1, 1, 1, s, 1])?.add(&first)?, index.clone()),
            _ => (device.arange(t as i64 - s as i64, s)?.reshape([1, 1, 1, s, 1])?, index.clone()),
        };
        let mut conditions = Vec::new();
        if let (Some(start), Some(len)) = (column(0)?, column(1)?) {
            conditions.extend([index.ge(&start)?, index.lt(&start.add(&len)?)?]);
        }
        if spec.causal {
            conditions.push(key.le(&query)?);
        }
        if let Some(window) = spec.window {
            // No two positions are further apart than the integers that f64 has.
            let window = scalar(window.min(1 << 53) as f64, &key)?;
            conditions.push(key.le(&query.add(&window)?)?);
            conditions.push(key.add(&window)?.ge(&query)?);
        }
        // The instruction set has no logical "and"; the product of truth values as numbers is one.
        let mut all: Option<Tensor> = None;
        for condition in conditions {
            let condition = condition.cast(DType::F32)?;
            all = Some(all.map_or(Ok(condition.clone()), |all| all.mul(&condition))?);
        }
        all.map(|all| all.gt(&scalar(0.0, &all)?)).transpose()
    }
}

/// The attention weights, all 0 in rows that see no key.
fn probabilities(scores: &Tensor, lse: &Tensor) -> Result<Tensor> {
    scores.sub(&finite(lse)?)?.exp()
}

pub(super) fn attention(x: &[Tensor], spec: &AttentionSpec, device: &Device) -> Result<Vec<Tensor>> {
    let extents = Extents::of(&x[0], &x[1]);
    let (q, k, v) = (extents.group(&x[0])?, heads_first(&x[1])?, heads_first(&x[2])?);
    let scores = extents.scores(&q, &k, spec, &x[3..], device)?;
    let lse = log_sum_exp(&scores)?;
    let out = probabilities(&scores, &lse)?.matmul(&v)?;
    let Extents { b, s, g, r, .. } = extents;
    Ok(vec![extents.ungroup(&out, x[0].dtype())?, lse.reshape([b, g * r, s])?])
}

pub(super) fn attention_backward(x: &[Tensor], spec: &AttentionSpec, device: &Device) -> Result<Vec<Tensor>> {
    let (forward, rest) = x.split_at(x.len() - 3);
    let dtype = x[0].dtype();
    let extents = Extents::of(&x[0], &x[1]);
    let (q, k, v) = (extents.group(&x[0])?, heads_first(&x[1])?, heads_first(&x[2])?);
    let (out, grad) = (extents.group(&rest[0])?, extents.group(&rest[2])?);
    let Extents { b, s, g, r, .. } = extents;
    let lse = rest[1].reshape([b, g, r * s, 1])?;
    let p = probabilities(&extents.scores(&q, &k, spec, &forward[3..], device)?, &lse)?;
    let dv = p.matmul_transposed(&grad, true, false)?;
    let dp = grad.matmul_transposed(&v, false, true)?;
    let along = out.mul(&grad)?.sum(last(&grad), true)?;
    let ds = dp.sub(&along)?.mul(&p)?.affine(spec.scale, 0.0)?;
    let dq = extents.ungroup(&ds.matmul(&k)?, dtype)?;
    let dk = heads_last(&ds.matmul_transposed(&q, true, false)?, dtype)?;
    Ok(vec![dq, dk, heads_last(&dv, dtype)?])
}

/// `[b, t, g, d] -> [b, g, t, d]`, in the accumulator type.
fn heads_first(x: &Tensor) -> Result<Tensor> {
    wide(x)?.permute([0, 2, 1, 3])
}

fn heads_last(x: &Tensor, dtype: DType) -> Result<Tensor> {
    x.permute([0, 2, 1, 3])?.cast(dtype)
}
