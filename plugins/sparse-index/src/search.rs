//! Answering a query: window by window, and within a window block by block.

use crate::deletions::Deletions;
use crate::error::{Error, Result};
use crate::kernel::{BLOCK, Cursor, Factor, Scores};
use crate::segment::{Segment, Window};
use crate::top::{Scored, Top};
use crate::weights::Weights;

/// The largest weight of a query: products and their sums stay finite.
const LARGEST: f32 = 1e20;

/// A query, checked and ordered by term.
pub(crate) struct Query {
    terms: Vec<(u32, Factor, f32)>,
}

impl Query {
    /// Checks a query for an index whose weights are stored as `weights`. Terms of weight zero say nothing and are left out.
    pub(crate) fn new(query: &[(u32, f32)], weights: Weights) -> Result<Self> {
        let mut terms: Vec<(u32, f32)> = query.iter().copied().filter(|(_, weight)| *weight != 0.0).collect();
        terms.sort_unstable_by_key(|(term, _)| *term);
        for &(term, weight) in &terms {
            if !(0.0..=LARGEST).contains(&weight) {
                return Err(Error::Query {
                    what: format!("term {term} has weight {weight}, and weights go from 0 to {LARGEST:e}"),
                });
            }
        }
        if let Some([(term, _), _]) = terms.array_windows().find(|[a, b]| a.0 == b.0) {
            return Err(Error::Query { what: format!("term {term} occurs twice; add its weights") });
        }
        Ok(Self { terms: terms.into_iter().map(|(term, weight)| (term, Factor::new(weight, weights), weight)).collect() })
    }

    /// Adds the documents of a window to the best. `base` is the number of the segment's first document.
    pub(crate) fn search(&self, segment: &Segment, deletions: &Deletions, base: u64, window: usize, top: &mut Top) -> Result<()> {
        let window = segment.window(window)?;
        let (mut cursors, bound) = self.cursors(&window, segment.footer.weights)?;
        // Rounding preserves order, so the bound, summed in the order of the scores, is above every one of them.
        if cursors.is_empty() || bound <= top.threshold() {
            return Ok(());
        }
        let documents = window.entry.documents as usize;
        for block in 0..documents.div_ceil(BLOCK) {
            let mut scores: Scores = [0.0; BLOCK];
            for cursor in &mut cursors {
                if !cursor.add(block, &mut scores) {
                    let what = format!("a bitmap of the window at document {} has too many bits", window.entry.first);
                    return Err(Error::damaged(segment.path(), what));
                }
            }
            let start = window.entry.first as usize + block * BLOCK;
            let scores = &scores[..BLOCK.min(documents - block * BLOCK)];
            collect(scores, start as u32, deletions, base, top);
        }
        Ok(())
    }

    /// The lists that a window has of the query's terms, and a bound of all scores in it.
    fn cursors<'a>(&'a self, window: &Window<'a>, weights: Weights) -> Result<(Vec<Cursor<'a>>, f32)> {
        let mut cursors = Vec::with_capacity(self.terms.len());
        let mut bound = 0.0;
        for (term, factor, weight) in &self.terms {
            if let Some(list) = window.list(*term)? {
                bound += weights.decode(list.largest) * weight;
                cursors.push(Cursor::new(list, factor));
            }
        }
        Ok((cursors, bound))
    }
}

/// Adds those that are good enough and not deleted; almost none are, so sixteen are passed at a time.
fn collect(scores: &[f32], start: u32, deletions: &Deletions, base: u64, top: &mut Top) {
    let mut threshold = top.threshold();
    for (index, group) in scores.chunks(16).enumerate() {
        if !group.iter().fold(false, |any, score| any | (*score > threshold)) {
            continue;
        }
        for (within, &score) in group.iter().enumerate() {
            let document = start + (index * 16 + within) as u32;
            if score > threshold && !deletions.contains(document) {
                top.push(Scored { score, document: base + u64::from(document) });
                threshold = top.threshold();
            }
        }
    }
}
