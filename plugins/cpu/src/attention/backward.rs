//! The backward pass, which recomputes the scores from the log-sum-exp.

use multiversion::multiversion;

use super::{Mask, Shape};
use crate::gemm::{Extents, Matrix, gemm, gemm_into};
use crate::gemv::dot;
use crate::math::Real;
use crate::parallel::{self, Interleaved};
use crate::storage::{Scalar, Scratch};

/// Queries in a block.
const BLOCK: usize = 64;

/// The inputs of the gradient.
#[derive(Clone, Copy)]
pub(crate) struct AttentionGradient<'a, R> {
    pub(crate) q: &'a [R],
    pub(crate) k: &'a [R],
    pub(crate) v: &'a [R],
    pub(crate) out: &'a [R],
    pub(crate) lse: &'a [R],
    pub(crate) grad: &'a [R],
}

/// The gradients of queries, keys and values.
pub(crate) fn backward<R: Real + Scalar>(
    shape: Shape,
    mask: &Mask,
    scale: f64,
    saved: AttentionGradient<'_, R>,
    (dq, dk, dv): (&mut [R], &mut [R], &mut [R]),
) {
    if shape.size == 0 || shape.groups == 0 {
        return;
    }
    let outputs = [Interleaved::new(dq), Interleaved::new(dk), Interleaved::new(dv)];
    // A task owns a key head, and the query heads that read it: everything that its sums go to.
    parallel::for_each(shape.batch * shape.groups, |task| {
        let (batch, group) = (task / shape.groups, task % shape.groups);
        let [dq, dk, dv] = &outputs;
        for gradient in [dk, dv] {
            for key in 0..shape.keys {
                // SAFETY: the rows of a key head are its task's own, and lie within the output.
                unsafe { gradient.row(shape.key_at(batch, key, group), shape.size) }.fill(R::ZERO);
            }
        }
        parallel::serial(|| {
            for head in group * shape.repeats()..(group + 1) * shape.repeats() {
                for first in (0..shape.queries).step_by(BLOCK) {
                    let count = BLOCK.min(shape.queries - first);
                    // SAFETY: the rows of a key head and of the query heads that read it are the
                    // task's own.
                    unsafe { backward_block(shape, mask, R::of(scale), saved, (batch, head, first, count), [dq, dk, dv]) };
                }
            }
        });
    });
}

/// Adds the part of `count` queries from `first` on to `dk` and `dv`, and writes their `dq`.
///
/// # Safety
/// No other code may access the rows of these queries in `dq`, nor those of their key head in `dk`
/// and `dv`, meanwhile.
unsafe fn backward_block<R: Real + Scalar>(
    shape: Shape,
    mask: &Mask,
    scale: R,
    saved: AttentionGradient<'_, R>,
    (batch, head, first, count): (usize, usize, usize, usize),
    [dq, dk, dv]: [&Interleaved<R>; 3],
) {
    let (query_row, key_row, size) = (shape.query_row(), shape.key_row(), shape.size);
    let start = shape.query_at(batch, first, head);
    let keys = mask.range(batch, first..first + count);
    if keys.is_empty() {
        for i in 0..count {
            // SAFETY: the caller's promise.
            unsafe { dq.row(start + i * query_row, size) }.fill(R::ZERO);
        }
        return;
    }
    let (at, width) = (shape.key_at(batch, keys.start, head / shape.repeats()), keys.len());
    let by_query = |data: &'_ [R]| -> Vec<R> {
        // A block's rows, gathered: four products read them.
        (0..count).flat_map(|i| data[start + i * query_row..][..size].iter().copied()).collect()
    };
    let (q, grad) = (by_query(saved.q), by_query(saved.grad));
    let mut probabilities = Scratch::<R>::new(count * width);
    let mut dscores = Scratch::<R>::new(count * width);
    let inner = Extents { m: count, k: size, n: width };
    let transposed = |data| Matrix { data, row: 1, column: key_row };
    gemm(inner, Matrix::new(&q, size, false), transposed(&saved.k[at..]), &mut probabilities, width, false);
    gemm(inner, Matrix::new(&grad, size, false), transposed(&saved.v[at..]), &mut dscores, width, false);
    for i in 0..count {
        let probabilities = &mut probabilities[i * width..(i + 1) * width];
        mask.apply(batch, first + i, keys.clone(), scale, probabilities);
        let lse = saved.lse[(batch * shape.heads + head) * shape.queries + first + i];
        let lse = if lse == R::lowest() { R::ZERO } else { lse };
        let out = &saved.out[start + i * query_row..][..size];
        let dscores = &mut dscores[i * width..(i + 1) * width];
        score_gradients(lse, scale, (out, &grad[i * size..(i + 1) * size]), probabilities, dscores);
    }
    let by_key = Extents { m: width, k: count, n: size };
    let (p, ds) = (Matrix::new(&probabilities, width, true), Matrix::new(&dscores, width, true));
    // SAFETY: the caller's promise.
    unsafe {
        gemm_into(by_key, p, Matrix::new(&grad, size, false), dv.at(at), key_row, true);
        gemm_into(by_key, ds, Matrix::new(&q, size, false), dk.at(at), key_row, true);
        let keys = Matrix { data: &saved.k[at..], row: key_row, column: 1 };
        let extents = Extents { m: count, k: width, n: size };
        gemm_into(extents, Matrix::new(&dscores, width, false), keys, dq.at(start), query_row, false);
    }
}

/// Turns scaled scores into probabilities, and the probabilities' gradients into those of the
/// unscaled scores.
#[multiversion(targets = "simd")]
fn score_gradients<R: Real>(lse: R, scale: R, (out, grad): (&[R], &[R]), scores: &mut [R], gradients: &mut [R]) {
    let mean = dot(out, grad);
    for (score, gradient) in scores.iter_mut().zip(gradients) {
        let probability = (*score - lse).exp();
        *score = probability;
        *gradient = probability * (*gradient - mean) * scale;
    }
}
