//! The best k of the documents seen, in a fixed order: higher scores first, and of equal ones the
//! lower document number.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A document and its score. The greater one is the worse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    pub score: f32,
    pub document: u64,
}

impl Eq for Scored {}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.document.cmp(&other.document))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the best k.
pub(crate) struct Top {
    k: usize,
    worst_first: BinaryHeap<Scored>,
}

impl Top {
    pub(crate) fn new(k: usize) -> Self {
        Self { k, worst_first: BinaryHeap::new() }
    }

    /// The score that a document with a higher number than all seen so far must exceed to be among
    /// the best; zero while there are fewer than k.
    pub(crate) fn threshold(&self) -> f32 {
        match self.worst_first.peek() {
            Some(worst) if self.worst_first.len() >= self.k => worst.score,
            _ => 0.0,
        }
    }

    /// Whether `k` hits are held.
    pub(crate) fn is_full(&self) -> bool {
        self.worst_first.len() >= self.k
    }

    pub(crate) fn push(&mut self, scored: Scored) {
        if self.worst_first.len() < self.k {
            self.worst_first.push(scored);
        } else if self.worst_first.peek().is_some_and(|worst| scored < *worst) {
            self.worst_first.pop();
            self.worst_first.push(scored);
        }
    }

    /// The best k of both.
    pub(crate) fn join(mut self, other: Self) -> Self {
        other.worst_first.into_iter().for_each(|scored| self.push(scored));
        self
    }

    /// The best first.
    pub(crate) fn into_sorted(self) -> Vec<Scored> {
        self.worst_first.into_sorted_vec()
    }
}
