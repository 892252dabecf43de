//! The entities and their splits.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::config::AtlasConfig;
use super::lexicon;
use super::schema::EntityKind;
use crate::support::random::Stream;

/// A part of the data that shares no entity with the other parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The training split.
    Train,
    /// The validation split.
    Validation,
    /// The test split.
    Test,
}

impl Split {
    /// All splits.
    pub const ALL: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

    /// The lower-case name, used in file names and identifiers.
    pub const fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Someone or something that the encyclopedia has a document about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entity {
    pub(crate) kind: EntityKind,
    /// The name's two words.
    pub(crate) words: [String; 2],
    /// The name, always two tokens.
    pub(crate) name: String,
    /// Whether documents say "She" rather than "He"; nothing for places and things.
    pub(crate) feminine: bool,
}

/// How many names there are for a kind.
pub(crate) fn capacity(kind: EntityKind) -> usize {
    lexicon::FIRST.len() * kind.second_names().len()
}

/// The entities of one split, by kind.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    kinds: [Vec<Entity>; 3],
}

impl Population {
    /// The entities of a kind.
    pub(crate) fn of(&self, kind: EntityKind) -> &[Entity] {
        &self.kinds[kind as usize]
    }

    /// Names every entity and deals them out to the splits: training, validation, test.
    pub(crate) fn all(config: &AtlasConfig) -> [Population; 3] {
        let mut splits = [(); 3].map(|()| Population { kinds: [(); 3].map(|()| Vec::new()) });
        for kind in EntityKind::ALL {
            let mut entities = name_entities(config, kind).into_iter();
            for (split, size) in splits.iter_mut().zip(config.split_sizes(config.entities(kind))) {
                split.kinds[kind as usize] = entities.by_ref().take(size).collect();
            }
        }
        splits
    }
}

fn name_entities(config: &AtlasConfig, kind: EntityKind) -> Vec<Entity> {
    let (first, second) = (lexicon::FIRST.list(), kind.second_names().list());
    let mut pairs: Vec<(&String, &String)> = first.iter().flat_map(|a| second.iter().map(move |b| (a, b))).collect();
    let mut stream = Stream::new(config.seed, "names", kind as u64);
    stream.shuffle(&mut pairs);
    pairs
        .into_iter()
        .take(config.entities(kind))
        .map(|(a, b)| Entity { kind, words: [a.clone(), b.clone()], name: format!("{a} {b}"), feminine: stream.chance(0.5) })
        .collect()
}
