//! One query for each sequence, as decoding asks: the cache of keys and values is read once,
//! straight from where it lies.

use multiversion::multiversion;

use super::forward::exponentiate;
use super::{Mask, Shape};
use crate::gemv::dot;
use crate::math::{Float, Number, Numeric, Real};
use crate::parallel;
use crate::storage::{Scalar, Scratch};

/// As [`forward`](super::forward()), for a single query position.
pub(crate) fn decode<T: Float>(
    shape: Shape,
    mask: &Mask,
    scale: f64,
    (q, k, v): (&[T], &[T], &[T]),
    out: &mut [T],
    lse: &mut [T::Compute],
) where
    T::Compute: Scalar,
{
    let (repeats, size) = (shape.repeats(), shape.size);
    let scale = <T::Compute as Number>::of(scale);
    // A task owns the query heads of one key head, which stand side by side.
    parallel::chunks2((out, repeats * size), (lse, repeats), |task, out, lse| {
        let (batch, group) = (task / shape.groups, task % shape.groups);
        let keys = mask.range(batch, 0..1);
        let at = shape.key_at(batch, keys.start, group);
        let mut scores = Scratch::<T::Compute>::new(keys.len());
        let mut sum = Scratch::<T::Compute>::new(size);
        for (i, (out, lse)) in out.chunks_exact_mut(size).zip(lse).enumerate() {
            let head = group * repeats + i;
            let query = &q[shape.query_at(batch, 0, head)..][..size];
            products(query, k, at, shape.key_row(), &mut scores);
            let max = mask.apply(batch, 0, keys.clone(), scale, &mut scores);
            let max = if max == T::Compute::lowest() { T::Compute::ZERO } else { max };
            let total = exponentiate(max, &mut scores);
            *lse = max + total.ln();
            weighted_sum(&scores, v, at, shape.key_row(), &mut sum);
            let scale = if total == T::Compute::ZERO { T::Compute::ZERO } else { T::Compute::ONE / total };
            for (out, sum) in out.iter_mut().zip(sum.iter()) {
                *out = T::store(*sum * scale);
            }
        }
    });
}

/// The products of a query with the keys that begin at `at`, `step` elements apart.
#[multiversion(targets = "simd")]
fn products<T: Numeric<Compute: Real>>(query: &[T], keys: &[T], at: usize, step: usize, out: &mut [T::Compute]) {
    for (j, out) in out.iter_mut().enumerate() {
        *out = dot(query, &keys[at + j * step..][..query.len()]);
    }
}

/// The sum of the values that begin at `at`, `step` elements apart, by their weights.
#[multiversion(targets = "simd")]
fn weighted_sum<T: Numeric<Compute: Real>>(weights: &[T::Compute], values: &[T], at: usize, step: usize, out: &mut [T::Compute]) {
    out.fill(T::Compute::ZERO);
    for (j, weight) in weights.iter().enumerate() {
        let value = &values[at + j * step..][..out.len()];
        for (out, value) in out.iter_mut().zip(value) {
            *out = value.load().fma(*weight, *out);
        }
    }
}
