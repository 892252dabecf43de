//! Products of a few rows with a weight, as decoding makes them: every weight is read once, straight from where it lies.

use multiversion::multiversion;

use crate::gemm::Extents;
use crate::math::{Float, LANES, Numeric, Real, sum_lanes};
use crate::parallel;
use crate::storage::{Scalar, Scratch};

/// Up to so many rows, reading the weight costs more than the arithmetic, and packing it (as a GEMM does) does not pay.
pub(crate) const MOST_ROWS: usize = 8;

/// `out = x weight^T + bias` for `x [m, k]` and `weight [n, k]`.
pub(crate) fn gemv<T: Float + Scalar>(e: Extents, x: &[T], weight: &[T], bias: Option<&[T]>, out: &mut [T])
where
    T::Compute: Scalar,
{
    let columns = parallel::rows_per_piece(e.k);
    // Column by column, so that every piece writes its own part.
    let mut transposed = Scratch::<T::Compute>::new(e.n * e.m);
    parallel::chunks(&mut transposed, columns * e.m, |piece, out| {
        products(e, x, &weight[piece * columns * e.k..], out);
    });
    for (i, out) in out.chunks_exact_mut(e.n).enumerate() {
        for (j, out) in out.iter_mut().enumerate() {
            let bias = bias.map_or(T::Compute::ZERO, |bias| bias[j].load());
            *out = T::store(transposed[j * e.m + i] + bias);
        }
    }
}

/// `out[j, i]` is the product of row `j` of the weight with row `i` of `x`.
#[multiversion(targets = "simd")]
fn products<T: Float>(e: Extents, x: &[T], weight: &[T], out: &mut [T::Compute]) {
    for (j, out) in out.chunks_exact_mut(e.m).enumerate() {
        let weight = &weight[j * e.k..(j + 1) * e.k];
        for (i, out) in out.iter_mut().enumerate() {
            *out = dot(&x[i * e.k..(i + 1) * e.k], weight);
        }
    }
}

/// The product of two vectors, in lanes.
#[inline(always)]
pub(crate) fn dot<T: Numeric<Compute: Real>>(a: &[T], b: &[T]) -> T::Compute {
    let mut lanes = [T::Compute::ZERO; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_rest, b_rest) = (a_chunks.remainder(), b_chunks.remainder());
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane = a.load().fma(b.load(), *lane);
        }
    }
    for ((lane, a), b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
        *lane = a.load().fma(b.load(), *lane);
    }
    sum_lanes(lanes)
}
