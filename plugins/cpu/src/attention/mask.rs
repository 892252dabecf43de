//! Which keys a query sees.

use std::ops::Range;

use multiversion::multiversion;
use scaledown_sdk::tensor::AttentionSpec;

use super::Shape;
use crate::lanes::max_of;
use crate::math::Real;

/// The visibility of keys, in the form of an interval of key positions for each query.
///
/// Positions are held as `i32`, which compares in the same vector width as the scores; greater ones
/// are clamped.
pub(crate) struct Mask {
    shape: Shape,
    /// The positions of the keys, `[batch, keys]`; empty where key `j` is at position `j`.
    keys: Vec<i32>,
    /// The least and the greatest key position that each query sees: `[batch, queries]`, or
    /// `[queries]` where all rows are alike.
    bounds: Vec<(i32, i32)>,
    /// Whether `bounds` has entries of its own for each row of the batch.
    by_row: bool,
}

fn clamp(position: i64) -> i32 {
    position.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// The positions of keys, with one that no query sees for those outside of their row's span.
fn hidden_outside(keys: &[i64], spans: Option<&[i64]>, len: usize) -> Vec<i32> {
    let Some(spans) = spans else { return keys.iter().copied().map(clamp).collect() };
    let row = |(row, span): (&[i64], &[i64])| {
        let (start, end) = (span[0], span[0].saturating_add(span[1]));
        let seen = move |(index, &position): (i64, &i64)| if (start..end).contains(&index) { clamp(position) } else { i32::MIN };
        (0..).zip(row).map(seen).collect::<Vec<_>>()
    };
    keys.chunks_exact(len.max(1)).zip(spans.chunks_exact(3)).flat_map(row).collect()
}

impl Mask {
    /// The mask of `spec` for the given spans of the rows (`[batch, 3]`) and positions of queries
    /// and keys.
    pub(crate) fn new(spec: &AttentionSpec, shape: Shape, spans: Option<&[i64]>, positions: Option<(&[i64], &[i64])>) -> Self {
        let window = spec.window.and_then(|window| i64::try_from(window).ok()).unwrap_or(i64::MAX);
        let bounds = |p: i64| {
            let last = if spec.causal { p } else { p.saturating_add(window) };
            (p.saturating_sub(window), last)
        };
        // One position is left to mark keys that no query sees.
        let clamped = |(low, high): (i64, i64)| (clamp(low).max(i32::MIN + 1), clamp(high));
        match (positions, spans) {
            (Some((queries, keys)), spans) => Mask {
                shape,
                keys: hidden_outside(keys, spans, shape.keys),
                bounds: queries.iter().copied().map(bounds).map(clamped).collect(),
                by_row: true,
            },
            (None, Some(spans)) => {
                let row = |span: &[i64]| {
                    let &[start, len, first] = span else { return Vec::new() };
                    let within =
                        |(low, high): (i64, i64)| (low.max(start), high.min(start.saturating_add(len).saturating_sub(1)));
                    let positions = (0..shape.queries as i64).map(|query| first.saturating_add(query));
                    positions.map(bounds).map(within).map(clamped).collect::<Vec<_>>()
                };
                Mask { shape, keys: Vec::new(), bounds: spans.chunks_exact(3).flat_map(row).collect(), by_row: true }
            }
            (None, None) => {
                let first = shape.keys as i64 - shape.queries as i64;
                let bounds = (first..shape.keys as i64).map(bounds).map(clamped).collect();
                Mask { shape, keys: Vec::new(), bounds, by_row: false }
            }
        }
    }

    /// The interval of a query.
    fn bounds(&self, batch: usize, query: usize) -> (i32, i32) {
        self.bounds[if self.by_row { batch * self.shape.queries + query } else { query }]
    }

    /// The positions of a sequence's keys, if they are not their indices.
    fn positions(&self, batch: usize) -> Option<&[i32]> {
        (!self.keys.is_empty()).then(|| &self.keys[batch * self.shape.keys..(batch + 1) * self.shape.keys])
    }

    /// The keys that at least one of `queries` may see: the first up to the last.
    pub(crate) fn range(&self, batch: usize, queries: Range<usize>) -> Range<usize> {
        let (low, high) = queries
            .map(|query| self.bounds(batch, query))
            .filter(|(low, high)| low <= high)
            .fold((i32::MAX, i32::MIN), |(low, high), (l, h)| (low.min(l), high.max(h)));
        if low > high {
            return 0..0;
        }
        match self.positions(batch) {
            None => (low.max(0) as usize).min(self.shape.keys)..(high.saturating_add(1).max(0) as usize).min(self.shape.keys),
            Some(positions) => {
                let seen = |position: &i32| (low..=high).contains(position);
                let Some(first) = positions.iter().position(seen) else { return 0..0 };
                let last = positions.iter().rposition(seen).unwrap_or(first);
                first..last + 1
            }
        }
    }

    /// Multiplies the scores of a query against `keys` with `scale` and hides those it does not see
    /// (minus infinity). Returns the greatest.
    #[inline(always)]
    pub(crate) fn apply<R: Real>(&self, batch: usize, query: usize, keys: Range<usize>, scale: R, scores: &mut [R]) -> R {
        let bounds = self.bounds(batch, query);
        match self.positions(batch) {
            Some(positions) => hide(&positions[keys], bounds, scale, scores),
            None => {
                let index = |position: i64| (position - keys.start as i64).clamp(0, scores.len() as i64) as usize;
                let (low, high) = (index(i64::from(bounds.0)), index(i64::from(bounds.1) + 1));
                scores[..low].fill(R::lowest());
                scores[high.max(low)..].fill(R::lowest());
                scale_row(scale, &mut scores[low..high.max(low)])
            }
        }
    }
}

#[multiversion(targets = "simd")]
fn hide<R: Real>(positions: &[i32], (low, high): (i32, i32), scale: R, scores: &mut [R]) -> R {
    for (score, &position) in scores.iter_mut().zip(positions) {
        *score = if position >= low && position <= high { *score * scale } else { R::lowest() };
    }
    max_of(scores)
}

#[multiversion(targets = "simd")]
fn scale_row<R: Real>(scale: R, scores: &mut [R]) -> R {
    for score in scores.iter_mut() {
        *score *= scale;
    }
    max_of(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn masks_follow_the_contract(
            queries in proptest::collection::vec(-1i64..12, 1..6),
            keys in proptest::collection::vec(-1i64..12, 1..9),
            causal: bool,
            window in proptest::option::of(0usize..4),
            positions: bool,
            span in proptest::option::of((-1i64..9, 0i64..9, -1i64..9)),
        ) {
            let shape = Shape { batch: 1, queries: queries.len(), keys: keys.len(), heads: 1, groups: 1, size: 1 };
            let spec = AttentionSpec { scale: 1.0, causal, window, spans: span.is_some(), positions };
            let span = span.map(|(start, len, first)| [start, len, first]);
            let spans = span.as_ref().map(|span| &span[..]);
            let mask = Mask::new(&spec, shape, spans, positions.then_some((&queries[..], &keys[..])));
            let range = mask.range(0, 0..queries.len());
            for i in 0..queries.len() {
                let first = span.map_or(keys.len() as i64 - queries.len() as i64, |span| span[2]);
                let p = if positions { queries[i] } else { first + i as i64 };
                let mut scores = vec![1.0f32; range.len()];
                mask.apply(0, i, range.clone(), 2.0, &mut scores);
                for j in 0..keys.len() {
                    let r = if positions { keys[j] } else { j as i64 };
                    let near = window.is_none_or(|window| (p - r).unsigned_abs() as usize <= window);
                    let real = span.is_none_or(|[start, len, _]| (start..start + len).contains(&(j as i64)));
                    let expected = real && (!causal || r <= p) && near;
                    let found = range.contains(&j) && scores[j - range.start] == 2.0;
                    proptest::prop_assert_eq!(found, expected, "query {} key {}", i, j);
                }
            }
        }
    }
}
