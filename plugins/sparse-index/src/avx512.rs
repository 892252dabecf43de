//! The hot loops of bitmaps on processors with AVX-512: sixteen or sixty-four documents at a time,
//! with eight-bit weights.
//!
//! In a prototype on a million documents as those of `examples/growth`, bitmaps read this way took
//! 0.6 of the time of offsets alone.

use crate::block::{Lists, Sink};
use crate::kernel::{Bounds, Scores};
use crate::layout::GROUP;
use std::arch::x86_64::*;

/// Whether the processor supports this.
pub(crate) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("popcnt")
}

/// The values of sixteen codes, divided by the scale of the weights: the f16 of a code, shifted
/// left by five.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt")]
fn values(codes: __m128i) -> __m512 {
    _mm512_cvtph_ps(_mm256_slli_epi16::<5>(_mm256_cvtepu8_epi16(codes)))
}

/// Adds, for every set bit, `factor` times the value of the next code, for as many words as there
/// are codes.
///
/// # Safety
/// [`available`] is true.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt")]
pub(crate) unsafe fn add(words: &[[u8; 8]], codes: &[u8], factor: f32, scores: &mut Scores) {
    let factor = _mm512_set1_ps(factor);
    let mut rest = codes;
    for (word, scores) in words.iter().zip(scores.as_chunks_mut::<64>().0) {
        let word = u64::from_le_bytes(*word);
        let Some((codes, others)) = rest.split_at_checked(word.count_ones() as usize) else { return };
        // SAFETY: exactly as many bytes are read as the word has bits.
        let spread = unsafe { _mm512_maskz_expandloadu_epi8(word, codes.as_ptr().cast()) };
        rest = others;
        let parts = [
            _mm512_castsi512_si128(spread),
            _mm512_extracti32x4_epi32::<1>(spread),
            _mm512_extracti32x4_epi32::<2>(spread),
            _mm512_extracti32x4_epi32::<3>(spread),
        ];
        for (part, scores) in parts.into_iter().zip(scores.as_chunks_mut::<16>().0) {
            // A document without the term has code 0 and so adds +0, which leaves every score as it
            // is.
            add_sixteen(values(part), factor, scores);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt")]
fn add_sixteen(values: __m512, factor: __m512, scores: &mut [f32; 16]) {
    // SAFETY: reads and writes the sixteen scores of the array. The product is rounded before it is
    // added.
    unsafe {
        _mm512_storeu_ps(scores.as_mut_ptr(), _mm512_add_ps(_mm512_loadu_ps(scores.as_ptr()), _mm512_mul_ps(values, factor)))
    };
}

/// Adds, for every group, `factor` times the value of its code.
///
/// # Safety
/// [`available`] is true.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt")]
pub(crate) unsafe fn add_bounds(maxima: &[u8], factor: f32, bounds: &mut Bounds) {
    let factor = _mm512_set1_ps(factor);
    for (maxima, bounds) in maxima.chunks(16).zip(bounds.as_chunks_mut::<16>().0) {
        let mask = 0xffff_u16 >> (16 - maxima.len());
        // SAFETY: reads the bytes of the chunk alone.
        let codes = unsafe { _mm_maskz_loadu_epi8(mask, maxima.as_ptr().cast()) };
        add_sixteen(values(codes), factor, bounds);
    }
}

/// Adds, for each of the sixteen bits of `word` from `shift`, `factor` times the value of its code.
/// `codes` are those of the word, and more.
///
/// # Safety
/// [`available`] is true.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt")]
pub(crate) unsafe fn add_group(word: u64, shift: usize, codes: &[u8], factor: f32, scores: &mut [f32; GROUP]) {
    let bits = (word >> shift) as u16;
    let before = (word & ((1 << shift) - 1)).count_ones() as usize;
    if let Some(codes) = codes.get(before..before + bits.count_ones() as usize) {
        // SAFETY: exactly as many bytes are read as there are bits.
        let spread = unsafe { _mm_maskz_expandloadu_epi8(bits, codes.as_ptr().cast()) };
        add_sixteen(values(spread), _mm512_set1_ps(factor), scores);
    }
}

/// As [`Lists::search`], with the processor's instructions.
///
/// # Safety
/// [`available`] is true.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt")]
pub(crate) unsafe fn search(lists: &mut Lists, block: usize, documents: usize, sink: &mut Sink) -> bool {
    lists.search_here(block, documents, sink)
}
