//! The hot loops: what the list of one term says of a block of documents, added to their scores, or
//! to bounds of them.
//!
//! A score is the sum, in f32 and in ascending order of terms, of the products
//! `query weight * stored weight`, each rounded to f32. Every path here computes exactly those
//! products, so scores do not depend on the processor.

#[cfg(target_arch = "x86_64")]
use crate::avx512;
use crate::layout::{BLOCK, GROUP};
use crate::segment::{List, Places};
use crate::weights::{StoredWeights, half_value};

/// Words of the part of a bitmap that belongs to a block.
const WORDS: usize = BLOCK / 64;
/// Groups of a block.
pub(crate) const GROUPS: usize = BLOCK / GROUP;

/// The scores of a block.
pub(crate) type Scores = [f32; BLOCK];
/// A bound of the scores of each group of a block.
pub(crate) type Bounds = [f32; GROUPS];
/// Of the part of a bitmap: the set bits before each of its words.
type Ranks = [u16; WORDS];

/// A term of the query in a window: its list, and the block of it that is looked at.
pub(crate) struct Cursor<'a> {
    list: List<'a>,
    factor: &'a Factor,
    block: usize,
    /// The postings of the block.
    from: usize,
    next: usize,
    ranks: Ranks,
    ranked: bool,
}

/// A query weight, made ready for multiplying.
pub(crate) struct Factor {
    weight: f32,
    /// The weight times what the f16 of an eight-bit code is scaled by.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    scaled: f32,
    /// The products with all eight-bit codes; empty for f16 weights.
    products: Box<[f32]>,
    /// Whether the processor can add sixteen products at once.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    wide: bool,
}

impl Factor {
    pub(crate) fn new(weight: f32, weights: StoredWeights) -> Self {
        let products = match weights {
            StoredWeights::Eight { .. } => (0..256).map(|code| weights.decode(code) * weight).collect(),
            StoredWeights::Half => Box::default(),
        };
        #[cfg(target_arch = "x86_64")]
        let wide = weights.bytes() == 1 && avx512::available();
        #[cfg(not(target_arch = "x86_64"))]
        let wide = false;
        Self { weight, scaled: weight * weights.scale(), products, wide }
    }

    /// The product of the query weight and the first of `codes`; 0 if there is none.
    #[inline(always)]
    fn product(&self, codes: &[u8]) -> f32 {
        if let Ok(products) = <&[f32; 256]>::try_from(&*self.products) {
            codes.first().map_or(0.0, |code| products[usize::from(*code)])
        } else {
            // Code 0 stands for no weight; `half_value` knows only those that are stored.
            codes.first_chunk().map_or(0.0, |code| match u16::from_le_bytes(*code) {
                0 => 0.0,
                code => half_value(code) * self.weight,
            })
        }
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(list: List<'a>, factor: &'a Factor) -> Self {
        Self { list, factor, block: 0, from: 0, next: 0, ranks: [0; WORDS], ranked: false }
    }

    /// Whether the list has bounds.
    pub(crate) fn has_bounds(&self) -> bool {
        matches!(self.list.places, Places::Bitmap { .. })
    }

    /// Moves on to block `block`; blocks are entered in order, and none is left out. False if the
    /// list is damaged.
    #[inline(always)]
    pub(crate) fn enter(&mut self, block: usize) -> bool {
        (self.block, self.ranked) = (block, false);
        let all = self.list.codes.len() / self.list.width;
        if let Some(start) = self.list.starts.get(block) {
            self.from = usize::from(u16::from_le_bytes(*start));
            self.next = self.list.starts.get(block + 1).map_or(all, |next| usize::from(u16::from_le_bytes(*next)));
            return self.from <= self.next && self.next <= all;
        }
        self.from = self.next;
        if let Places::Offsets(offsets) = self.list.places {
            let last = (block * BLOCK + BLOCK - 1) as u16;
            for offsets in offsets[self.next..].chunks(32) {
                let count = offsets.iter().filter(|bytes| u16::from_le_bytes(**bytes) <= last).count();
                self.next += count;
                if count < offsets.len() {
                    break;
                }
            }
        }
        true
    }

    /// Counts the bits before each word of the block, unless it is done.
    #[inline(always)]
    fn rank(&mut self) {
        if !self.ranked {
            let words = self.words();
            let mut count = 0;
            for (rank, word) in self.ranks.iter_mut().zip(words) {
                *rank = count;
                count += u64::from_le_bytes(*word).count_ones() as u16;
            }
            self.ranked = true;
        }
    }

    /// The part of the bitmap that belongs to the block.
    #[inline(always)]
    fn words(&self) -> &'a [[u8; 8]] {
        match self.list.places {
            Places::Bitmap { words, .. } => {
                &words[words.len().min(self.block * WORDS)..words.len().min((self.block + 1) * WORDS)]
            }
            Places::Offsets(_) => &[],
        }
    }

    /// The codes of the block.
    #[inline(always)]
    fn codes(&self) -> &'a [u8] {
        &self.list.codes[self.from * self.list.width..self.next * self.list.width]
    }

    /// Adds the postings of the block to its scores.
    #[inline(always)]
    pub(crate) fn add(&self, scores: &mut Scores) {
        match self.list.places {
            Places::Offsets(offsets) => self.add_offsets(&offsets[self.from..self.next], scores),
            Places::Bitmap { .. } => self.add_bitmap(scores),
        }
    }

    #[inline(always)]
    fn add_offsets(&self, places: &[[u8; 2]], scores: &mut Scores) {
        // The remainder keeps the offsets of a damaged list within the block.
        let place = |bytes: &[u8; 2]| usize::from(u16::from_le_bytes(*bytes)) % BLOCK;
        if let Ok(products) = <&[f32; 256]>::try_from(&*self.factor.products) {
            for (bytes, code) in places.iter().zip(self.codes()) {
                scores[place(bytes)] += products[usize::from(*code)];
            }
        } else {
            for (bytes, code) in places.iter().zip(self.codes().as_chunks().0) {
                scores[place(bytes)] += half_value(u16::from_le_bytes(*code)) * self.factor.weight;
            }
        }
    }

    #[inline(always)]
    fn add_bitmap(&self, scores: &mut Scores) {
        let (words, codes) = (self.words(), self.codes());
        #[cfg(target_arch = "x86_64")]
        if self.factor.wide {
            // SAFETY: the processor has the features.
            unsafe { avx512::add(words, codes, self.factor.scaled, scores) };
            return;
        }
        let mut codes = codes.chunks_exact(self.list.width);
        for (word, scores) in words.iter().zip(scores.as_chunks_mut::<64>().0) {
            let mut word = u64::from_le_bytes(*word);
            while word != 0 {
                scores[word.trailing_zeros() as usize] += codes.next().map_or(0.0, |code| self.factor.product(code));
                word &= word - 1;
            }
        }
    }

    /// Adds the largest product of each group of the block, times `sign`, to its bound. Only of
    /// lists that have bounds.
    #[inline(always)]
    pub(crate) fn add_bounds(&self, sign: f32, bounds: &mut Bounds) {
        let maxima = self.maxima();
        #[cfg(target_arch = "x86_64")]
        if self.factor.wide {
            // SAFETY: the processor has the features.
            unsafe { avx512::add_bounds(maxima, sign * self.factor.scaled, bounds) };
            return;
        }
        for (code, bound) in maxima.chunks_exact(self.list.width).zip(bounds) {
            *bound += sign * self.factor.product(code);
        }
    }

    /// The largest codes of the groups of the block.
    #[inline(always)]
    fn maxima(&self) -> &'a [u8] {
        let bytes = GROUPS * self.list.width;
        match self.list.places {
            Places::Bitmap { maxima, .. } => {
                &maxima[maxima.len().min(self.block * bytes)..maxima.len().min((self.block + 1) * bytes)]
            }
            Places::Offsets(_) => &[],
        }
    }

    /// The largest product of a group of the block. Only of lists that have bounds.
    #[inline(always)]
    pub(crate) fn bound(&self, group: usize) -> f32 {
        self.factor.product(self.maxima().get(group * self.list.width..).unwrap_or_default())
    }

    /// Adds the postings of a group of the block to its scores. Only of lists that have bounds.
    #[inline(always)]
    pub(crate) fn add_group(&mut self, group: usize, scores: &mut [f32; GROUP]) {
        self.rank();
        let Some(word) = self.words().get(group / 4) else { return };
        let (word, shift) = (u64::from_le_bytes(*word), group % 4 * GROUP);
        let rank = self.from + usize::from(self.ranks[group / 4]);
        let codes = self.list.codes.get(rank * self.list.width..).unwrap_or_default();
        #[cfg(target_arch = "x86_64")]
        if self.factor.wide {
            // SAFETY: the processor has the features.
            unsafe { avx512::add_group(word, shift, codes, self.factor.scaled, scores) };
            return;
        }
        let before = (word & ((1 << shift) - 1)).count_ones() as usize;
        let mut codes = codes.chunks_exact(self.list.width).skip(before);
        let mut bits = (word >> shift) as u16;
        while bits != 0 {
            scores[bits.trailing_zeros() as usize] += codes.next().map_or(0.0, |code| self.factor.product(code));
            bits &= bits - 1;
        }
    }

    /// The product of a document of the block; 0 if it does not have the term.
    #[inline(always)]
    pub(crate) fn product(&mut self, document: usize) -> f32 {
        let place = match self.list.places {
            Places::Offsets(offsets) => {
                let offset = (self.block * BLOCK + document) as u16;
                offsets[self.from..self.next].binary_search_by_key(&offset, |bytes| u16::from_le_bytes(*bytes)).ok()
            }
            Places::Bitmap { .. } => {
                self.rank();
                let word = self.words().get(document / 64).map_or(0, |word| u64::from_le_bytes(*word));
                let before = word & ((1 << (document % 64)) - 1);
                let rank = usize::from(self.ranks[document / 64]) + before.count_ones() as usize;
                (word >> (document % 64) & 1 == 1).then_some(rank)
            }
        };
        place.map_or(0.0, |place| self.factor.product(self.codes().get(place * self.list.width..).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every path gives the same bits, with and without the processor's own instructions.
    #[test]
    fn bitmaps_are_read_alike_on_every_processor() {
        let weights = StoredWeights::default();
        // A window of two blocks, the second of five words, some of them empty or full.
        let words: Vec<u64> = (0..69_u64).map(|n| [0, u64::MAX, n.wrapping_mul(0x9e37_79b9_7f4a_7c15)][n as usize % 3]).collect();
        let places: Vec<[u8; 8]> = words.iter().map(|word| word.to_le_bytes()).collect();
        let before = |end: usize| words[..end].iter().map(|word| word.count_ones() as usize).sum::<usize>();
        let codes: Vec<u8> = (0..before(69)).map(|n| (n * 37 % 255) as u8 + 1).collect();
        let maxima: Vec<u8> = (0..69 * 4).map(|n| (n * 91 % 256) as u8).collect();
        let starts = [[0; 2], (before(64) as u16).to_le_bytes()];
        let list = List {
            places: Places::Bitmap { words: &places, maxima: &maxima },
            starts: &starts,
            codes: &codes,
            width: 1,
            largest: 255,
        };
        let own = Factor::new(0.37, weights);
        let plain = Factor { wide: false, ..Factor::new(0.37, weights) };
        let read = |factor| {
            let mut cursor = Cursor::new(list, factor);
            let mut all = Vec::new();
            for block in 0..2 {
                assert!(cursor.enter(block));
                let (mut scores, mut bounds, mut single) = ([0.1; BLOCK], [0.2; GROUPS], [0.1; BLOCK]);
                cursor.add(&mut scores);
                cursor.add_bounds(-1.0, &mut bounds);
                single.iter_mut().enumerate().for_each(|(document, score)| *score += cursor.product(document));
                assert_eq!(scores, single);
                let mut grouped = [0.1; BLOCK];
                grouped.as_chunks_mut().0.iter_mut().enumerate().for_each(|(group, scores)| cursor.add_group(group, scores));
                assert_eq!(scores, grouped);
                let largest: Vec<f32> = (0..GROUPS).map(|group| 0.2 - cursor.bound(group)).collect();
                assert_eq!(bounds[..], largest);
                all.extend(scores.into_iter().chain(bounds));
            }
            all
        };
        assert_eq!(read(&own), read(&plain));
    }
}
