//! Products of a few rows with a weight, as decoding makes them: every weight is read once,
//! straight from where it lies.

use multiversion::multiversion;

use crate::gemm::Extents;
use crate::math::{Float, LANES, Numeric, Real, sum_lanes};
use crate::parallel;
use crate::storage::{Scalar, Scratch};

/// Up to this many rows, reading the weight costs more than computing, and packing it (as a GEMM
/// does) does not pay.
pub(crate) const MOST_ROWS: usize = 8;

/// The maximum pieces of a weight: memory reads long stretches faster.
const MOST_PIECES: usize = 128;

/// `out = x weight^T + bias` for `x [m, k]` and `weight [n, k]`, which may be stored in a shorter
/// type.
pub(crate) fn gemv<T, W>(e: Extents, x: &[T::Compute], weight: &[W], bias: Option<&[T]>, out: &mut [T])
where
    T: Float<Compute: Scalar>,
    W: Float<Compute = T::Compute>,
{
    let columns = parallel::rows_per_piece(e.k).max(e.n.div_ceil(MOST_PIECES));
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
fn products<W: Float>(e: Extents, x: &[W::Compute], weight: &[W], out: &mut [W::Compute]) {
    let row = |i: usize| &x[i * e.k..(i + 1) * e.k];
    if e.m < BLOCK {
        return streams(e, x, weight, out);
    }
    for (j, out) in out.chunks_exact_mut(e.m).enumerate() {
        let weight = &weight[j * e.k..(j + 1) * e.k];
        let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
        for (i, out) in blocks.iter_mut().enumerate() {
            let i = i * BLOCK;
            *out = dots([row(i), row(i + 1), row(i + 2), row(i + 3)], weight);
        }
        for (i, out) in rest.iter_mut().enumerate() {
            *out = dot(row(e.m / BLOCK * BLOCK + i), weight);
        }
    }
}

/// As [`products`], for fewer than [`BLOCK`] rows of `x`: memory is all that counts, and gives
/// several rows of the weight side by side a quarter faster than one.
#[inline(always)]
fn streams<W: Float>(e: Extents, x: &[W::Compute], weight: &[W], out: &mut [W::Compute]) {
    let row = |i: usize| &x[i * e.k..(i + 1) * e.k];
    let rows = |j: usize| &weight[j * e.k..(j + 1) * e.k];
    let mut groups = out.chunks_exact_mut(e.m * BLOCK);
    let mut at = 0;
    for out in &mut groups {
        let group = [rows(at), rows(at + 1), rows(at + 2), rows(at + 3)];
        for i in 0..e.m {
            for (j, product) in across(row(i), group).into_iter().enumerate() {
                out[j * e.m + i] = product;
            }
        }
        at += BLOCK;
    }
    for (j, out) in groups.into_remainder().chunks_exact_mut(e.m).enumerate() {
        for (i, out) in out.iter_mut().enumerate() {
            *out = dot(row(i), rows(at + j));
        }
    }
}

/// Rows that are multiplied with a row of the weight at once, and rows of the weight that one row
/// is multiplied with at once: one with one would wait for each of its additions.
const BLOCK: usize = 4;

/// The products of `a` with each of `b`, vectors of one length, each summed as [`dot`] sums it.
#[inline(always)]
fn across<R: Real, W: Numeric<Compute = R>, const B: usize>(a: &[R], b: [&[W]; B]) -> [R; B] {
    let mut sums = [[R::ZERO; LANES]; B];
    let len = b.iter().fold(a.len(), |len, b| len.min(b.len()));
    let whole = len / LANES * LANES;
    let mut add = |at: usize, lanes: usize| {
        for (sum, b) in sums.iter_mut().zip(b) {
            for (lane, sum) in sum.iter_mut().enumerate().take(lanes) {
                // SAFETY: `at + lanes` is at most `len`, and no vector is shorter. With a check,
                // which can panic, the compiler would keep the sums in memory.
                let (a, b) = unsafe { (a.get_unchecked(at + lane), b.get_unchecked(at + lane)) };
                *sum = a.fma(b.load(), *sum);
            }
        }
    };
    (0..whole).step_by(LANES).for_each(|at| add(at, LANES));
    if whole < len {
        add(whole, len - whole);
    }
    let mut products = [R::ZERO; B];
    for (product, sum) in products.iter_mut().zip(sums) {
        *product = sum_lanes(sum);
    }
    products
}

/// The product of two vectors, in lanes.
#[inline(always)]
pub(crate) fn dot<T, W>(a: &[T], b: &[W]) -> T::Compute
where
    T: Numeric<Compute: Real>,
    W: Numeric<Compute = T::Compute>,
{
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

/// The products of each of `a` with `b`, vectors of one length, each summed as [`dot`] sums it.
#[inline(always)]
fn dots<R: Real, W: Numeric<Compute = R>, const A: usize>(a: [&[R]; A], b: &[W]) -> [R; A] {
    let mut sums = [[R::ZERO; LANES]; A];
    let len = a.iter().fold(b.len(), |len, a| len.min(a.len()));
    let whole = len / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        // SAFETY: no vector is shorter than `len`. With a check, which can panic, the compiler
        // would keep the sums in memory.
        unsafe { add_products(&mut sums, a, b, at, LANES) };
    }
    if whole < len {
        // SAFETY: as above.
        unsafe { add_products(&mut sums, a, b, whole, len - whole) };
    }
    let mut products = [R::ZERO; A];
    for (product, sum) in products.iter_mut().zip(sums) {
        *product = sum_lanes(sum);
    }
    products
}

/// Adds the products of the `lanes` elements from `at` on, lane by lane.
///
/// # Safety
/// All vectors must have `at + lanes` elements.
#[inline(always)]
unsafe fn add_products<R: Real, W: Numeric<Compute = R>, const A: usize>(
    sums: &mut [[R; LANES]; A],
    a: [&[R]; A],
    b: &[W],
    at: usize,
    lanes: usize,
) {
    for (sum, a) in sums.iter_mut().zip(a) {
        for (lane, sum) in sum.iter_mut().enumerate().take(lanes) {
            // SAFETY: the caller's promise.
            let (a, b) = unsafe { (a.get_unchecked(at + lane), b.get_unchecked(at + lane)) };
            *sum = a.fma(b.load(), *sum);
        }
    }
}
