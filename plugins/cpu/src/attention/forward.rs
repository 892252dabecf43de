//! The forward pass: blocks of queries against all keys that one of them sees.

use multiversion::multiversion;

use super::{Mask, Shape};
use crate::gemm::{Extents, Matrix, gemm, gemm_into};
use crate::lanes::sum_of;
use crate::math::Real;
use crate::parallel::{self, Interleaved};
use crate::storage::{Scalar, Scratch};

/// Queries in a block: as many as keep the scores of a thousand keys in the second-level cache.
const BLOCK: usize = 64;

/// Attends with `q` over `k` and `v`; writes the output and the log-sum-exp of the scaled scores,
/// `[batch, heads, queries]`.
pub(crate) fn forward<R: Real + Scalar>(
    shape: Shape,
    mask: &Mask,
    scale: f64,
    (q, k, v): (&[R], &[R], &[R]),
    out: &mut [R],
    lse: &mut [R],
) {
    if out.is_empty() {
        lse.fill(R::lowest());
        return;
    }
    let out = Interleaved::new(out);
    let blocks = shape.queries.div_ceil(BLOCK);
    let lse = Interleaved::new(lse);
    parallel::for_each(shape.batch * shape.heads * blocks, |task| {
        let (sequence, block) = (task / blocks, task % blocks);
        let (batch, head) = (sequence / shape.heads, sequence % shape.heads);
        let first = block * BLOCK;
        let count = BLOCK.min(shape.queries - first);
        // SAFETY: the log-sum-exps of a task's queries are its own, and lie within the output.
        let lse = unsafe { lse.row(sequence * shape.queries + first, count) };
        parallel::serial(|| {
            // SAFETY: the output rows of a task's queries in its head are its own, and lie within
            // the output.
            unsafe { forward_block(shape, mask, R::of(scale), (q, k, v), (batch, head, first), &out, lse) }
        });
    });
}

/// Attends with the queries from `first` on, as many as `lse` has.
///
/// # Safety
/// No other code may access the output rows of these queries in this head meanwhile.
unsafe fn forward_block<R: Real + Scalar>(
    shape: Shape,
    mask: &Mask,
    scale: R,
    (q, k, v): (&[R], &[R], &[R]),
    (batch, head, first): (usize, usize, usize),
    out: &Interleaved<R>,
    lse: &mut [R],
) {
    let count = lse.len();
    let keys = mask.range(batch, first..first + count);
    let start = shape.query_at(batch, first, head);
    let rows = (0..count).map(|i| start + i * shape.query_row());
    if keys.is_empty() {
        lse.fill(R::lowest());
        for row in rows {
            // SAFETY: the caller's promise.
            unsafe { out.row(row, shape.size) }.fill(R::ZERO);
        }
        return;
    }
    let at = shape.key_at(batch, keys.start, head / shape.repeats());
    let mut scores = Scratch::<R>::new(count * keys.len());
    let extents = Extents { m: count, k: shape.size, n: keys.len() };
    let queries = Matrix { data: &q[start..], row: shape.query_row(), column: 1 };
    gemm(extents, queries, Matrix { data: &k[at..], row: 1, column: shape.key_row() }, &mut scores, keys.len(), false);
    let mut sums = [R::ZERO; BLOCK];
    for (i, row) in scores.chunks_exact_mut(keys.len()).enumerate() {
        let max = mask.apply(batch, first + i, keys.clone(), scale, row);
        // Where nothing is seen, all scores are minus infinity, which less itself would be no
        // number.
        let max = if max == R::lowest() { R::ZERO } else { max };
        sums[i] = exponentiate(max, row);
        lse[i] = max + sums[i].ln();
    }
    let extents = Extents { m: count, k: keys.len(), n: shape.size };
    let values = Matrix { data: &v[at..], row: shape.key_row(), column: 1 };
    // SAFETY: the caller's promise.
    unsafe { gemm_into(extents, Matrix::new(&scores, keys.len(), false), values, out.at(start), shape.query_row(), false) };
    for (row, sum) in rows.zip(sums) {
        let scale = if sum == R::ZERO { R::ZERO } else { R::ONE / sum };
        // SAFETY: the caller's promise.
        unsafe { out.row(row, shape.size) }.iter_mut().for_each(|x| *x *= scale);
    }
}

/// Replaces each score by `exp(score - max)` and returns their sum.
#[multiversion(targets = "simd")]
pub(super) fn exponentiate<R: Real>(max: R, scores: &mut [R]) -> R {
    for score in scores.iter_mut() {
        *score = (*score - max).exp();
    }
    sum_of([&*scores], |[score]| score)
}
