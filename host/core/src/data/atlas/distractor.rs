//! The documents around the one with the answer: same kind, similar names, and mentions of the
//! entity.

use super::entity::Population;
use super::schema::EntityKind;
use crate::support::random::Stream;

/// How distractors are chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Distraction {
    /// The chance that a distractor shares a word of its name with the entity asked about.
    pub(crate) similar_name_share: f64,
}

/// The share of the distractors of the same kind as the entity asked about: they state the same
/// attributes.
const SAME_KIND_SHARE: f64 = 0.7;

impl Distraction {
    /// Fills `subjects`, whose first entity is the one asked about, up to `count` different
    /// entities.
    ///
    /// The population must hold at least `count` entities of every kind; configs are validated so.
    pub(crate) fn fill(
        self,
        population: &Population,
        subjects: &mut Vec<(EntityKind, usize)>,
        count: usize,
        stream: &mut Stream,
    ) {
        let Some(&(asked, asked_index)) = subjects.first() else { return };
        while subjects.len() < count {
            let kind = if stream.chance(SAME_KIND_SHARE) { asked } else { EntityKind::ALL[stream.below(EntityKind::ALL.len())] };
            let start = stream.below(population.of(kind).len());
            let similar = kind == asked && stream.chance(self.similar_name_share);
            let words = &population.of(asked)[asked_index].words;
            let found = cyclic(population.of(kind).len(), start).find(|&index| {
                let other = &population.of(kind)[index].words;
                let fits = !similar || other.iter().zip(words).any(|(a, b)| a == b);
                fits && !subjects.contains(&(kind, index))
            });
            let fallback = || cyclic(population.of(kind).len(), start).find(|&index| !subjects.contains(&(kind, index)));
            let Some(index) = found.or_else(fallback) else { return };
            subjects.push((kind, index));
        }
    }
}

/// All indices below `count`, beginning at `start`.
fn cyclic(count: usize, start: usize) -> impl Iterator<Item = usize> {
    (start..count).chain(0..start)
}
