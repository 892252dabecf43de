//! The documents of a block that are good enough: by computing every score, or by bounds first.
//!
//! The terms with a bitmap are in many documents, so they usually say little and have a small weight in the query. Their lists know the
//! largest weight of each group of sixteen documents: a group whose bound does not exceed the threshold is passed over without reading
//! its postings, and of the others one list after another is added, the heaviest first, until the rest cannot lift a document any more.
//! What is left is scored anew, in the order of the terms.

use crate::deletions::Deletions;
use crate::kernel::{BLOCK, Bounds, Cursor, GROUPS, Scores};
use crate::layout::GROUP;
use crate::top::{Scored, Top};

/// The lists that a window has of the query's terms, ascending by term.
pub(crate) struct Lists<'a> {
    cursors: Vec<Cursor<'a>>,
    /// Those that have bounds, by falling largest product.
    heaviest: Vec<usize>,
    /// How far sums of these lists, in whatever order, may be off because of rounding, relative to the sum.
    slack: f64,
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
        // A sum of n parts has n - 1 roundings of at most 2^-24 each. Two sums are compared, one of them reduced by n further ones.
        let slack = 4.0 * (lists.len() as f64 + 4.0) * f64::from(f32::EPSILON);
        Self { cursors: lists.into_iter().map(|(cursor, _)| cursor).collect(), heaviest, slack }
    }

    /// Adds the best of the first `documents` of a block. Blocks are taken in order, and none is left out. False if a list is damaged.
    pub(crate) fn search(&mut self, block: usize, documents: usize, sink: &mut Sink) -> bool {
        if !self.cursors.iter_mut().all(|cursor| cursor.enter(block)) {
            return false;
        }
        if !sink.top.is_full() || !self.sift(sink) {
            self.score_all(documents, sink);
        }
        true
    }

    /// Computes every score.
    fn score_all(&self, documents: usize, sink: &mut Sink) {
        let mut scores: Scores = [0.0; BLOCK];
        self.cursors.iter().for_each(|cursor| cursor.add(&mut scores));
        let mut threshold = sink.top.threshold();
        for (index, group) in scores[..documents].chunks(GROUP).enumerate() {
            if !group.iter().fold(false, |any, score| any | (*score > threshold)) {
                continue;
            }
            for (within, &score) in group.iter().enumerate() {
                if score > threshold {
                    sink.push(index * GROUP + within, score);
                    threshold = sink.top.threshold();
                }
            }
        }
    }

    /// Scores only what bounds leave over. False, with nothing done, if that is so much that computing every score is faster.
    fn sift(&self, sink: &mut Sink) -> bool {
        let mut scores: Scores = [0.0; BLOCK];
        let mut bounds: Bounds = [0.0; GROUPS];
        for cursor in &self.cursors {
            if cursor.has_bounds() {
                cursor.add_bounds(&mut bounds);
            } else {
                cursor.add(&mut scores);
            }
        }
        let mut floor = self.floor(sink.top.threshold());
        let mut promising = [0_u8; GROUPS];
        let mut count = 0;
        for (group, (scores, bound)) in scores.as_chunks::<GROUP>().0.iter().zip(&bounds).enumerate() {
            promising[count] = group as u8;
            count += usize::from(scores.iter().fold(false, |any, score| any | (score + bound > floor)));
        }
        if count > MOST_PROMISING {
            return false;
        }
        for &group in &promising[..count] {
            let group = usize::from(group);
            let scores = &mut scores.as_chunks_mut::<GROUP>().0[group];
            if self.refine(group, bounds[group], floor, scores) {
                for within in (0..GROUP).filter(|within| scores[*within] > floor) {
                    let document = group * GROUP + within;
                    let score = self.cursors.iter().fold(0.0, |sum, cursor| sum + cursor.product(document));
                    if score > sink.top.threshold() {
                        sink.push(document, score);
                    }
                }
                floor = self.floor(sink.top.threshold());
            }
        }
        true
    }

    /// Adds the lists with bounds to the scores of a group. False, perhaps before all are added, if none can exceed the floor.
    fn refine(&self, group: usize, bound: f32, floor: f32, scores: &mut [f32; GROUP]) -> bool {
        let mut rest = bound * (1.0 + self.slack) as f32;
        for &index in &self.heaviest {
            if !scores.iter().fold(false, |any, score| any | (score + rest > floor)) {
                return false;
            }
            let cursor = &self.cursors[index];
            cursor.add_group(group, scores);
            rest -= cursor.bound(group);
        }
        scores.iter().fold(false, |any, score| any | (*score > floor))
    }

    /// What a sum in another order than that of the terms must exceed, if the score is to exceed the threshold.
    fn floor(&self, threshold: f32) -> f32 {
        ((f64::from(threshold) * (1.0 - self.slack)) as f32).next_down().max(0.0)
    }
}

/// Groups that are refined one by one, out of those of a block.
const MOST_PROMISING: usize = GROUPS / 4 * 3;
