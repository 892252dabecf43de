//! The products of f32 rows with a weight on processors with AVX2: in loops over several rows, the
//! compiler does not find the vectors by itself.

use std::arch::x86_64::*;

use half::{bf16, f16};

use crate::gemm::Extents;
use crate::lanes::{LANES, sum_lanes};
use crate::math::Numeric;

/// Numbers in a vector.
const VECTOR: usize = 8;

/// Rows of the weight that one row of `x` is multiplied with at once. Memory gives several
/// stretches side by side faster than one, and long ones faster than those of single rows: so the
/// weight is read in as many parts.
const PARTS: usize = 4;

/// A type of weights.
pub(super) trait Weight: Numeric<Compute = f32> {
    /// Eight numbers.
    ///
    /// # Safety
    /// They exist, and the processor is [`available`].
    unsafe fn vector(at: *const Self) -> __m256;
}

impl Weight for f32 {
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn vector(at: *const f32) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_ps(at) }
    }
}

impl Weight for bf16 {
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn vector(at: *const bf16) -> __m256 {
        // SAFETY: the caller's promise.
        let short = unsafe { _mm_loadu_si128(at.cast()) };
        // It is the upper half of an f32.
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(short)))
    }
}

impl Weight for f16 {
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn vector(at: *const f16) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(at.cast())) }
    }
}

/// Whether the processor supports this.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
}

/// `out[j, i]` is the product of row `j` of the weight with row `i` of `x`.
///
/// # Safety
/// The processor is [`available`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn products<W: Weight>(e: Extents, x: &[f32], weight: &[W], out: &mut [f32]) {
    let rows = out.len() / e.m;
    let (x_row, weight_row) = (|i: usize| &x[i * e.k..(i + 1) * e.k], |j: usize| &weight[j * e.k..(j + 1) * e.k]);
    if e.m == 1 {
        let part = rows / PARTS;
        for j in 0..part {
            let weight = std::array::from_fn(|at| weight_row(j + at * part));
            // SAFETY: the processor can run it.
            let [products] = unsafe { block::<W, 1, PARTS, false>([x_row(0)], weight) };
            for (at, product) in products.into_iter().enumerate() {
                out[j + at * part] = product;
            }
        }
        for (j, out) in out.iter_mut().enumerate().skip(part * PARTS) {
            // SAFETY: as above.
            [[*out]] = unsafe { block::<W, 1, 1, false>([x_row(0)], [weight_row(j)]) };
        }
        return;
    }
    for (j, out) in out.chunks_exact_mut(e.m).enumerate() {
        let weight = weight_row(j);
        let mut i = 0;
        while i < e.m {
            // What comes next is asked for while this row of the weight is in the cache.
            // SAFETY: as above.
            unsafe {
                i += match e.m - i {
                    4.. if i > 0 => some_rows::<W, 4, true>(i, x_row, weight, out),
                    4.. => some_rows::<W, 4, false>(i, x_row, weight, out),
                    2.. => some_rows::<W, 2, false>(i, x_row, weight, out),
                    _ => some_rows::<W, 1, false>(i, x_row, weight, out),
                }
            }
        }
    }
}

/// The products of `A` rows of `x` from `first` on with a row of the weight.
///
/// # Safety
/// The processor is [`available`].
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn some_rows<'a, W: Weight, const A: usize, const PREFETCH: bool>(
    first: usize,
    x: impl Fn(usize) -> &'a [f32],
    weight: &[W],
    out: &mut [f32],
) -> usize {
    // SAFETY: the processor can run it.
    let products = unsafe { block::<W, A, 1, PREFETCH>(std::array::from_fn(|row| x(first + row)), [weight]) };
    for (out, [product]) in out[first..].iter_mut().zip(products) {
        *out = product;
    }
    A
}

/// The products of each of `a` with each of `b`, vectors of one length, each summed as
/// [`dot`](super::dot) sums it. With `PREFETCH`, what comes after `b` in memory is asked for.
///
/// Loops stand where `map` of an array would do: that is not always compiled into what calls it,
/// and then its vectors go through memory.
///
/// # Safety
/// The processor is [`available`].
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn block<W: Weight, const A: usize, const B: usize, const PREFETCH: bool>(a: [&[f32]; A], b: [&[W]; B]) -> [[f32; B]; A] {
    let len = b.iter().map(|b| b.len()).chain(a.iter().map(|a| a.len())).min().unwrap_or(0);
    let whole = len / LANES * LANES;
    let mut sums = [[[_mm256_setzero_ps(); LANES / VECTOR]; B]; A];
    for at in (0..whole).step_by(LANES) {
        if PREFETCH {
            for b in &b {
                _mm_prefetch::<_MM_HINT_T0>(b.as_ptr().wrapping_add(len + at).cast());
            }
        }
        for part in 0..LANES / VECTOR {
            let at = at + part * VECTOR;
            let mut weight = [_mm256_setzero_ps(); B];
            for (weight, b) in weight.iter_mut().zip(&b) {
                // SAFETY: no vector is shorter than `len`.
                *weight = unsafe { W::vector(b.as_ptr().add(at)) };
            }
            for (sums, a) in sums.iter_mut().zip(&a) {
                // SAFETY: as above.
                let x = unsafe { _mm256_loadu_ps(a.as_ptr().add(at)) };
                for (sums, weight) in sums.iter_mut().zip(weight) {
                    sums[part] = _mm256_fmadd_ps(x, weight, sums[part]);
                }
            }
        }
    }
    let mut products = [[0.0; B]; A];
    for (row, (sums, a)) in sums.iter().zip(&a).enumerate() {
        for (column, (sums, b)) in sums.iter().zip(&b).enumerate() {
            products[row][column] = if whole == len { sum(sums) } else { sum_with(sums, &a[whole..len], &b[whole..len]) };
        }
    }
    products
}

/// The sum of the lanes, in the order of [`sum_lanes`].
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn sum(lanes: &[__m256; LANES / VECTOR]) -> f32 {
    let eight = _mm256_add_ps(lanes[0], lanes[1]);
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

/// The sum of the lanes after the last products, fewer than there are lanes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn sum_with<W: Weight>(sums: &[__m256; LANES / VECTOR], a: &[f32], b: &[W]) -> f32 {
    let mut lanes = [0.0; LANES];
    for (part, sum) in sums.iter().enumerate() {
        // SAFETY: there is room for as many vectors.
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr().add(part * VECTOR), *sum) };
    }
    for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
        *lane = a.mul_add(b.load(), *lane);
    }
    sum_lanes(lanes)
}
