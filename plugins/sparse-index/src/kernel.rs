//! The hot loop: adding the postings of one list, within a block of documents, to their scores.
//!
//! A score is the sum, in f32 and in ascending order of terms, of the products `query weight * stored weight`, each rounded to f32. Every
//! path here computes exactly that, so scores do not depend on the processor.

use crate::segment::{List, Places};
use crate::weights::{Weights, half_value};

/// Documents whose scores are computed at a time: their scores fill half of a first-level cache.
pub(crate) const BLOCK: usize = 4096;

/// The scores of a block.
pub(crate) type Scores = [f32; BLOCK];

/// A term of the query in a window: its list, and how far it has been read.
pub(crate) struct Cursor<'a> {
    list: List<'a>,
    factor: &'a Factor,
    next: usize,
}

/// A query weight, made ready for multiplying.
pub(crate) struct Factor {
    weight: f32,
    /// The weight times what the f16 of an eight-bit code is scaled by.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    scaled: f32,
    /// The products with all eight-bit codes; empty for f16 weights.
    products: Box<[f32]>,
}

impl Factor {
    pub(crate) fn new(weight: f32, weights: Weights) -> Self {
        let products = match weights {
            Weights::Eight { .. } => (0..256).map(|code| weights.decode(code) * weight).collect(),
            Weights::Half => Box::default(),
        };
        Self { weight, scaled: weight * weights.scale(), products }
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(list: List<'a>, factor: &'a Factor) -> Self {
        Self { list, factor, next: 0 }
    }

    /// Adds the postings of block `block` to its scores. Blocks are taken in order. False if the list is damaged.
    pub(crate) fn add(&mut self, block: usize, scores: &mut Scores) -> bool {
        match self.list.places {
            Places::Offsets(offsets) => self.add_offsets(offsets, block, scores),
            Places::Bitmap(words) => {
                let start = block * BLOCK / 64;
                let end = words.len().min(start + BLOCK / 64);
                self.add_bitmap(words.get(start..end).unwrap_or_default(), scores)
            }
        }
    }

    fn add_offsets(&mut self, offsets: &[[u8; 2]], block: usize, scores: &mut Scores) -> bool {
        let rest = &offsets[self.next..];
        let end = (block + 1) * BLOCK;
        let count = rest[..rest.len().min(BLOCK)].partition_point(|bytes| usize::from(u16::from_le_bytes(*bytes)) < end);
        let (from, to) = (self.next * self.list.width, (self.next + count) * self.list.width);
        let (places, codes) = (&rest[..count], &self.list.codes[from..to]);
        self.next += count;
        // The mask keeps the offsets of a damaged list within the block.
        if let Ok(products) = <&[f32; 256]>::try_from(&*self.factor.products) {
            for (place, code) in places.iter().zip(codes) {
                scores[usize::from(u16::from_le_bytes(*place)) % BLOCK] += products[usize::from(*code)];
            }
        } else {
            for (place, code) in places.iter().zip(codes.as_chunks().0) {
                let weight = half_value(u16::from_le_bytes(*code));
                scores[usize::from(u16::from_le_bytes(*place)) % BLOCK] += weight * self.factor.weight;
            }
        }
        true
    }

    fn add_bitmap(&mut self, words: &[[u8; 8]], scores: &mut Scores) -> bool {
        let count: usize = words.iter().map(|word| u64::from_le_bytes(*word).count_ones() as usize).sum();
        let Some(codes) = self.list.codes.get(self.next * self.list.width..(self.next + count) * self.list.width) else {
            return false;
        };
        self.next += count;
        #[cfg(target_arch = "x86_64")]
        if self.list.width == 1 && avx512::available() {
            // SAFETY: the processor has the features, as was just asked; `codes` has a code for every bit of `words`.
            unsafe { avx512::add(words, codes, self.factor.scaled, scores) };
            return true;
        }
        let mut next = 0;
        for (word, scores) in words.iter().zip(scores.chunks_exact_mut(64)) {
            let mut word = u64::from_le_bytes(*word);
            while word != 0 {
                let bit = word.trailing_zeros() as usize;
                word &= word - 1;
                scores[bit] += self.product(&codes[next * self.list.width..]);
                next += 1;
            }
        }
        true
    }

    /// The product of the query weight and the first of `codes`.
    #[inline]
    fn product(&self, codes: &[u8]) -> f32 {
        match *codes {
            [low, high, ..] if self.list.width == 2 => half_value(u16::from_le_bytes([low, high])) * self.factor.weight,
            [code, ..] => self.factor.products.get(usize::from(code)).copied().unwrap_or(0.0),
            [] => 0.0,
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    //! Sixty-four documents at a time: spreads the weights to the set bits, and adds all their products at once. In a prototype on a
    //! million documents as those of `examples/growth`, bitmaps read this way took 0.6 of the time of offsets alone.

    use super::Scores;
    use std::arch::x86_64::*;

    /// Whether the processor can run [`add`].
    #[inline]
    pub(super) fn available() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("popcnt")
    }

    /// Adds, for every set bit, `factor` times the f16 of the next code, shifted left by five.
    ///
    /// # Safety
    /// [`available`] is true, and `codes` has at least as many codes as `words` have bits.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
    pub(super) unsafe fn add(words: &[[u8; 8]], codes: &[u8], factor: f32, scores: &mut Scores) {
        let factor = _mm512_set1_ps(factor);
        let mut codes = codes.as_ptr();
        for (word, scores) in words.iter().zip(scores.as_chunks_mut::<64>().0) {
            let word = u64::from_le_bytes(*word);
            if word == 0 {
                continue;
            }
            // SAFETY: exactly as many bytes are read as the word has bits, and the caller has that many for all words together.
            let spread = unsafe { _mm512_maskz_expandloadu_epi8(word, codes.cast()) };
            // SAFETY: stays within, or one past, the codes that the caller has.
            codes = unsafe { codes.add(word.count_ones() as usize) };
            let low = _mm512_slli_epi16::<5>(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(spread)));
            let high = _mm512_slli_epi16::<5>(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(spread)));
            let halves = [
                _mm512_castsi512_si256(low),
                _mm512_extracti64x4_epi64::<1>(low),
                _mm512_castsi512_si256(high),
                _mm512_extracti64x4_epi64::<1>(high),
            ];
            for (half, scores) in halves.into_iter().zip(scores.as_chunks_mut::<16>().0) {
                // A document without the term has code 0 and so adds +0, which leaves every score as it is.
                let products = _mm512_mul_ps(_mm512_cvtph_ps(half), factor);
                // SAFETY: reads and writes the sixteen scores of the array.
                unsafe { _mm512_storeu_ps(scores.as_mut_ptr(), _mm512_add_ps(_mm512_loadu_ps(scores.as_ptr()), products)) };
            }
        }
    }
}
