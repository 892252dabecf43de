//! The products of groups of rows on processors with AVX2: a multiplication of 16 words, and an
//! addition of their pairwise products.

use std::arch::x86_64::*;

use scaledown_sdk::DType;
use scaledown_sdk::tensor::{BLOCK, BlockFormat};

use super::rounded::Block;
use super::woven::{GROUP, SCALES, VECTOR, column_size};

/// Whether the processor supports this.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
}

/// The products of some rows of `x` with each row of a group.
///
/// # Safety
/// [`available`] is true.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn products<F: BlockFormat, const A: usize>(x: [&[Block]; A], group: &[u8]) -> [[f32; GROUP]; A] {
    let mut sums = [_mm256_setzero_ps(); A];
    let blocks = x.iter().fold(group.len() / column_size::<F>(), |blocks, x| blocks.min(x.len()));
    for at in 0..blocks {
        // SAFETY: all have as many blocks. A check, which can panic, would keep the sums in memory.
        let (x, column) = unsafe { (x.map(|x| x.get_unchecked(at)), group.as_ptr().add(at * column_size::<F>())) };
        // SAFETY: a column is as long as its format says.
        let (scales, totals) =
            unsafe { (_mm256_cvtph_ps(_mm_loadu_si128(column.cast())), totals::<F, A>(x, column.add(SCALES))) };
        for ((sum, total), x) in sums.iter_mut().zip(totals).zip(x) {
            let excess = if F::DTYPE == DType::Q4_0 { x.excess } else { 0 };
            let total = _mm256_cvtepi32_ps(_mm256_sub_epi32(total, _mm256_set1_epi32(excess)));
            *sum = _mm256_fmadd_ps(total, _mm256_mul_ps(scales, _mm256_set1_ps(x.scale)), *sum);
        }
    }
    let mut products = [[0.0; GROUP]; A];
    for (product, sum) in products.iter_mut().zip(sums) {
        // SAFETY: eight numbers of four bytes.
        unsafe { _mm256_storeu_ps(product.as_mut_ptr(), sum) };
    }
    products
}

/// The products of integers alone.
///
/// # Safety
/// `vectors` are those of a column of the format.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn totals<F: BlockFormat, const A: usize>(x: [&Block; A], vectors: *const u8) -> [__m256i; A] {
    let mut totals = [[_mm256_setzero_si256(); 2]; A];
    for eight in 0..BLOCK / 8 {
        // SAFETY: a column has the vectors of four eights.
        let words = unsafe { words::<F>(vectors, eight) };
        for (totals, x) in totals.iter_mut().zip(x) {
            for (pair, words) in words.into_iter().enumerate() {
                // SAFETY: four eights of four pairs are what a block has.
                let x = unsafe { x.integers.as_ptr().cast::<i32>().add(eight * 4 + pair).read_unaligned() };
                // Sums of one row would wait for each other; those of several do not.
                let total = &mut totals[if A == 1 { pair % 2 } else { 0 }];
                *total = _mm256_add_epi32(*total, _mm256_madd_epi16(words, _mm256_set1_epi32(x)));
            }
        }
    }
    totals.map(|[a, b]| if A == 1 { _mm256_add_epi32(a, b) } else { a })
}

/// The words of eight integers of each row, in pairs.
///
/// # Safety
/// `vectors` are those of a column of the format.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn words<F: BlockFormat>(vectors: *const u8, eight: usize) -> [__m256i; 4] {
    // SAFETY: the caller's promise.
    let vector = |at: usize| unsafe { _mm256_loadu_si256(vectors.add(at * VECTOR).cast()) };
    if F::DTYPE == DType::Q8_0 {
        let (a, b) = (vector(2 * eight), vector(2 * eight + 1));
        let low = |x| _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(x));
        [low(a), _mm256_srai_epi16::<8>(a), low(b), _mm256_srai_epi16::<8>(b)]
    } else {
        let (x, mask) = (vector(eight), _mm256_set1_epi16(15));
        [
            _mm256_and_si256(x, mask),
            _mm256_and_si256(_mm256_srli_epi16::<4>(x), mask),
            _mm256_and_si256(_mm256_srli_epi16::<8>(x), mask),
            _mm256_srli_epi16::<12>(x),
        ]
    }
}
