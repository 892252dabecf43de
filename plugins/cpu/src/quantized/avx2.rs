//! The products of groups of rows on processors with AVX2: integers by integers, of which
//! neighbours are added up at once.

use std::arch::x86_64::*;

use scaledown_sdk::DType;
use scaledown_sdk::tensor::BLOCK;

use super::rounded::{Block, Format};
use super::woven::{GROUP, SCALES, VECTOR, column_size};

/// Whether the processor supports this.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
}

/// The products of some rows of `x` with each row of some groups.
///
/// Loops stand where `map` of an array would do: that is not always compiled into what calls it,
/// and then its vectors go through memory.
///
/// # Safety
/// [`available`] is true.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn products<F: Format, const A: usize, const G: usize>(
    x: [&[Block<F::X>]; A],
    groups: [&[u8]; G],
) -> [[[f32; GROUP]; G]; A] {
    let mut sums = [[_mm256_setzero_ps(); G]; A];
    let columns = groups.iter().fold(usize::MAX, |columns, group| columns.min(group.len() / column_size::<F>()));
    let blocks = x.iter().fold(columns, |blocks, x| blocks.min(x.len()));
    for at in 0..blocks {
        let mut vectors = [std::ptr::null(); G];
        let mut scales = [_mm256_setzero_ps(); G];
        for g in 0..G {
            // SAFETY: all groups have as many columns, and a column is as long as its format says.
            unsafe {
                let column = groups[g].as_ptr().add(at * column_size::<F>());
                if A == 1 {
                    prefetch::<F>(column.wrapping_add(G * groups[g].len()));
                }
                scales[g] = _mm256_cvtph_ps(_mm_loadu_si128(column.cast()));
                vectors[g] = column.add(SCALES);
            }
        }
        // SAFETY: as above, and all rows have as many blocks.
        let totals = unsafe {
            if F::DTYPE == DType::Q4_0 {
                totals_of_4_bits::<F, A, G>(&x, at, &vectors)
            } else {
                totals_of_8_bits::<F, A, G>(&x, at, &vectors)
            }
        };
        for a in 0..A {
            // SAFETY: all rows have as many blocks. A check, which can panic, would keep the sums
            // in memory.
            let x = unsafe { x[a].get_unchecked(at) };
            let excess = if F::DTYPE == DType::Q4_0 { x.excess } else { 0 };
            for g in 0..G {
                let total = _mm256_cvtepi32_ps(_mm256_sub_epi32(totals[a][g], _mm256_set1_epi32(excess)));
                sums[a][g] = _mm256_fmadd_ps(total, _mm256_mul_ps(scales[g], _mm256_set1_ps(x.scale)), sums[a][g]);
            }
        }
    }
    let mut products = [[[0.0; GROUP]; G]; A];
    for (product, sum) in products.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
        // SAFETY: eight numbers of four bytes.
        unsafe { _mm256_storeu_ps(product.as_mut_ptr(), *sum) };
    }
    products
}

/// Asks for a column that is read soon, which may lie past the weight's end: a single row is
/// multiplied faster than memory notices by itself what comes next.
#[inline(always)]
fn prefetch<F: Format>(column: *const u8) {
    for line in (0..column_size::<F>()).step_by(64) {
        // SAFETY: nothing is read, and no address is wrong.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(column.wrapping_add(line).cast()) };
    }
}

/// Four bytes of the integers of block `block` in each lane.
///
/// # Safety
/// The row has such a block, and the block such bytes.
#[inline(always)]
unsafe fn lanes<I>(x: &[Block<I>], block: usize, at: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { x.get_unchecked(block).integers.as_ptr().cast::<i32>().add(at).read_unaligned() }
}

/// The products of integers of 8 bits, widened to 16, with those of 16 of `x`.
///
/// # Safety
/// Rows have a block `block`, and `vectors` are those of columns of the format.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn totals_of_8_bits<F: Format, const A: usize, const G: usize>(
    x: &[&[Block<F::X>]; A],
    block: usize,
    vectors: &[*const u8; G],
) -> [[__m256i; G]; A] {
    let mut totals = [[_mm256_setzero_si256(); G]; A];
    // Sums of one row with one group would wait for each other; those of several do not.
    let mut odd = [[_mm256_setzero_si256(); G]; A];
    for eight in 0..BLOCK / 8 {
        let mut words = [[_mm256_setzero_si256(); 4]; G];
        for g in 0..G {
            // SAFETY: a column has two vectors for each of four eights.
            let (a, b) = unsafe {
                let first = vectors[g].add(2 * eight * VECTOR);
                (_mm256_loadu_si256(first.cast()), _mm256_loadu_si256(first.add(VECTOR).cast()))
            };
            words[g] = [
                _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(a)),
                _mm256_srai_epi16::<8>(a),
                _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(b)),
                _mm256_srai_epi16::<8>(b),
            ];
        }
        #[allow(clippy::needless_range_loop, reason = "several arrays are read at the same place")]
        for pair in 0..4 {
            for a in 0..A {
                // SAFETY: a block has four eights of four pairs.
                let x = _mm256_set1_epi32(unsafe { lanes(x[a], block, eight * 4 + pair) });
                for g in 0..G {
                    let product = _mm256_madd_epi16(words[g][pair], x);
                    let total = if A == 1 && pair % 2 == 1 { &mut odd[a][g] } else { &mut totals[a][g] };
                    *total = _mm256_add_epi32(*total, product);
                }
            }
        }
    }
    if A == 1 {
        for g in 0..G {
            totals[0][g] = _mm256_add_epi32(totals[0][g], odd[0][g]);
        }
    }
    totals
}

/// The products of integers of 4 bits with those of 8 of `x`: eight sums of two of them are less
/// than 2^15.
///
/// # Safety
/// Rows have a block `block`, and `vectors` are those of columns of the format.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn totals_of_4_bits<F: Format, const A: usize, const G: usize>(
    x: &[&[Block<F::X>]; A],
    block: usize,
    vectors: &[*const u8; G],
) -> [[__m256i; G]; A] {
    let (mask, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
    let mut totals = [[_mm256_setzero_si256(); G]; A];
    for eight in 0..BLOCK / 8 {
        let mut halves = [[_mm256_setzero_si256(); 2]; G];
        for g in 0..G {
            // SAFETY: a column has a vector for each of four eights.
            let both = unsafe { _mm256_loadu_si256(vectors[g].add(eight * VECTOR).cast()) };
            halves[g] = [_mm256_and_si256(both, mask), _mm256_and_si256(_mm256_srli_epi16::<4>(both), mask)];
        }
        #[allow(clippy::needless_range_loop, reason = "several arrays are read at the same place")]
        for half in 0..2 {
            for a in 0..A {
                // SAFETY: a block has four eights of two halves.
                let x = _mm256_set1_epi32(unsafe { lanes(x[a], block, eight * 2 + half) });
                for g in 0..G {
                    totals[a][g] = _mm256_add_epi16(totals[a][g], _mm256_maddubs_epi16(halves[g][half], x));
                }
            }
        }
    }
    for totals in totals.as_flattened_mut() {
        *totals = _mm256_madd_epi16(*totals, ones);
    }
    totals
}
