//! The documents of a block that are good enough: by computing every score, or by bounds first.
//!
//! The terms with a bitmap are in many documents, so they usually say little and have a small
//! weight in the query. Their lists know the largest weight of each group of sixteen documents: a
//! group whose bound does not exceed the threshold is skipped without reading its postings, and
//! of the others one list after another is added, the heaviest first, until the rest cannot lift a
//! document any more. Rescores the remaining documents in the order of the terms.

#[cfg(target_arch = "x86_64")]
use crate::avx512;
use crate::deletions::Deletions;
use crate::kernel::{Bounds, Cursor, GROUPS, Scores};
use crate::layout::{BLOCK, GROUP};
use crate::top::{Scored, Top};

/// The lists that a window has of the query's terms, ascending by term.
pub(crate) struct Lists<'a> {
    cursors: Vec<Cursor<'a>>,
    /// Those that have bounds, by falling largest product.
    heaviest: Vec<usize>,
    /// How far sums of these lists, in whatever order, may be off because of rounding, relative to
    /// the sum.
    slack: f64,
    /// How many of the heaviest lists were added to all scores of the last block: about as many
    /// serve the next one.
    added: usize,
    #[cfg(target_arch = "x86_64")]
    wide: bool,
}

/// Where the best documents of a block go.
pub(crate) struct Sink<'a> {
    pub deletions: &'a Deletions,
    /// The number, within the segment, of the block's first document.
    pub start: u32,
    /// The number of the segment's first document.
    pub base: u64,
    pub top: &'a mut Top,
}

impl Sink<'_> {
    fn push(&mut self, document: usize, score: f32) {
        let document = self.start + document as u32;
        if !self.deletions.contains(document) {
            self.top.push(Scored { score, document: self.base + u64::from(document) });
        }
    }
}

impl<'a> Lists<'a> {
    /// Of each list its cursor and its largest product.
    pub(crate) fn new(lists: Vec<(Cursor<'a>, f32)>) -> Self {
        let mut heaviest: Vec<usize> = (0..lists.len()).filter(|index| lists[*index].0.has_bounds()).collect();
        heaviest.sort_by(|a, b| lists[*b].1.total_cmp(&lists[*a].1));
        // A sum of n parts has n - 1 roundings of at most 2^-24 each. Two sums are compared, one of
        // them reduced by n further ones.
        let slack = 4.0 * (lists.len() as f64 + 4.0) * f64::from(f32::EPSILON);
        Self {
            cursors: lists.into_iter().map(|(cursor, _)| cursor).collect(),
            heaviest,
            slack,
            added: 0,
            #[cfg(target_arch = "x86_64")]
            wide: avx512::available(),
        }
    }

    /// Adds the best of the first `documents` of a block. Blocks are taken in order, and none is
    /// left out. False if a list is damaged.
    pub(crate) fn search(&mut self, block: usize, documents: usize, sink: &mut Sink) -> bool {
        #[cfg(target_arch = "x86_64")]
        if self.wide {
            // SAFETY: the processor has the features.
            return unsafe { avx512::search(self, block, documents, sink) };
        }
        self.search_here(block, documents, sink)
    }

    /// [`Self::search`], with what instructions the caller may use.
    #[inline(always)]
    pub(crate) fn search_here(&mut self, block: usize, documents: usize, sink: &mut Sink) -> bool {
        if !self.cursors.iter_mut().all(|cursor| cursor.enter(block)) {
            return false;
        }
        if sink.top.is_full() {
            self.sift(sink);
        } else {
            self.score_all(documents, sink);
        }
        true
    }

    /// Computes every score.
    #[inline(always)]
    fn score_all(&self, documents: usize, sink: &mut Sink) {
        let mut scores: Scores = [0.0; BLOCK];
        self.cursors.iter().for_each(|cursor| cursor.add(&mut scores));
        for (document, &score) in scores[..documents].iter().enumerate() {
            if score > sink.top.threshold() {
                sink.push(document, score);
            }
        }
    }

    /// Computes only the scores that bounds leave over.
    #[inline(always)]
    fn sift(&mut self, sink: &mut Sink) {
        let mut scores: Scores = [0.0; BLOCK];
        let mut bounds: Bounds = [0.0; GROUPS];
        self.added = self.added.saturating_sub(1);
        self.cursors.iter().filter(|cursor| !cursor.has_bounds()).for_each(|cursor| cursor.add(&mut scores));
        self.heaviest[..self.added].iter().for_each(|index| self.cursors[*index].add(&mut scores));
        self.heaviest[self.added..].iter().for_each(|index| self.cursors[*index].add_bounds(1.0, &mut bounds));
        bounds.iter_mut().for_each(|bound| *bound *= (1.0 + self.slack) as f32);
        let mut floor = self.floor(sink.top.threshold());
        let mut promising = [0; GROUPS];
        let mut count = pick(&scores, &bounds, floor, &mut promising);
        while count > FEW && self.added < self.heaviest.len() {
            let cursor = &self.cursors[self.heaviest[self.added]];
            cursor.add(&mut scores);
            cursor.add_bounds(-1.0, &mut bounds);
            self.added += 1;
            count = pick(&scores, &bounds, floor, &mut promising);
        }
        for &group in &promising[..count] {
            let group = usize::from(group);
            let scores = &mut scores.as_chunks_mut::<GROUP>().0[group];
            if self.refine(group, bounds[group], floor, scores) {
                for within in (0..GROUP).filter(|within| scores[*within] > floor) {
                    let document = group * GROUP + within;
                    let score = self.cursors.iter_mut().fold(0.0, |sum, cursor| sum + cursor.product(document));
                    if score > sink.top.threshold() {
                        sink.push(document, score);
                    }
                }
                floor = self.floor(sink.top.threshold());
            }
        }
    }

    /// Adds the lists that are left to the scores of a group. False, perhaps before all are added,
    /// if none can exceed the floor.
    #[inline(always)]
    fn refine(&mut self, group: usize, bound: f32, floor: f32, scores: &mut [f32; GROUP]) -> bool {
        let mut rest = bound;
        for &index in &self.heaviest[self.added..] {
            if !exceeds(scores, rest, floor) {
                return false;
            }
            let cursor = &mut self.cursors[index];
            cursor.add_group(group, scores);
            rest -= cursor.bound(group);
        }
        exceeds(scores, 0.0, floor)
    }

    /// What a sum in another order than that of the terms must exceed, if the score is to exceed
    /// the threshold.
    fn floor(&self, threshold: f32) -> f32 {
        ((f64::from(threshold) * (1.0 - self.slack)) as f32).next_down().max(0.0)
    }
}

/// Groups that are refined one by one, rather than adding a further list to a whole block.
const FEW: usize = 24;

/// The groups that may have a document above the floor: how many they are, and which.
#[inline(always)]
fn pick(scores: &Scores, bounds: &Bounds, floor: f32, promising: &mut [u8; GROUPS]) -> usize {
    let mut count = 0;
    for (group, (scores, bound)) in scores.as_chunks::<GROUP>().0.iter().zip(bounds).enumerate() {
        promising[count] = group as u8;
        count += usize::from(exceeds(scores, *bound, floor));
    }
    count
}

/// Whether one of the scores, with what may be added to it, exceeds the floor.
#[inline(always)]
fn exceeds(scores: &[f32; GROUP], rest: f32, floor: f32) -> bool {
    scores.iter().fold(false, |any, score| any | (score + rest > floor))
}
