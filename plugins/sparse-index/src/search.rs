//! Answering a query: window by window, and within a window block by block.

use crate::block::{Lists, Sink};
use crate::deletions::Deletions;
use crate::error::{Error, Result};
use crate::kernel::{Cursor, Factor};
use crate::layout::BLOCK;
use crate::segment::{Segment, Window};
use crate::top::Top;
use crate::weights::StoredWeights;

/// The largest weight of a query: products and their sums stay finite.
const LARGEST: f32 = 1e20;

/// A query, checked and ordered by term.
pub(crate) struct Query {
    terms: Vec<(u32, Factor, f32)>,
}

impl Query {
    /// Checks a query for an index whose weights are stored as `weights`. Drops terms of weight
    /// zero.
    pub(crate) fn new(query: &[(u32, f32)], weights: StoredWeights) -> Result<Self> {
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
            return Err(Error::Query { what: format!("duplicate term {term}; add its weights") });
        }
        Ok(Self { terms: terms.into_iter().map(|(term, weight)| (term, Factor::new(weight, weights), weight)).collect() })
    }

    /// Adds the documents of a window to the best. `base` is the number of the segment's first
    /// document.
    pub(crate) fn search(&self, segment: &Segment, deletions: &Deletions, base: u64, window: usize, top: &mut Top) -> Result<()> {
        let window = segment.window(window)?;
        let lists = self.lists(&window, segment.footer.weights)?;
        // Rounding preserves order, so the bound, summed in the order of the scores, is above every
        // one of them.
        let bound = lists.iter().fold(0.0, |sum, (_, largest)| sum + largest);
        if lists.is_empty() || bound <= top.threshold() {
            return Ok(());
        }
        let mut lists = Lists::new(lists);
        let documents = window.entry.documents as usize;
        for block in 0..documents.div_ceil(BLOCK) {
            let start = window.entry.first + (block * BLOCK) as u32;
            if !lists.search(block, BLOCK.min(documents - block * BLOCK), &mut Sink { deletions, start, base, top }) {
                let what = format!("a list of the window at document {} contradicts itself", window.entry.first);
                return Err(Error::damaged(segment.path(), what));
            }
        }
        Ok(())
    }

    /// The lists that a window has of the query's terms, with their largest products.
    fn lists<'a>(&'a self, window: &Window<'a>, weights: StoredWeights) -> Result<Vec<(Cursor<'a>, f32)>> {
        let mut lists = Vec::with_capacity(self.terms.len());
        for (term, factor, weight) in &self.terms {
            if let Some(list) = window.list(*term)? {
                lists.push((Cursor::new(list, factor), weights.decode(list.largest) * weight));
            }
        }
        Ok(lists)
    }
}
