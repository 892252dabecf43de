//! The schema of the encyclopedia: kinds, attributes and their wordings.

use super::lexicon::{self, Words};

/// The kind of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EntityKind {
    Person,
    Place,
    Thing,
}

impl EntityKind {
    /// All kinds, in the order of their discriminants.
    pub(crate) const ALL: [EntityKind; 3] = [EntityKind::Person, EntityKind::Place, EntityKind::Thing];

    /// The lower-case name, used in identifiers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            EntityKind::Person => "person",
            EntityKind::Place => "place",
            EntityKind::Thing => "thing",
        }
    }

    /// The second words of the names of this kind; the first are [`lexicon::FIRST`] for all kinds.
    pub(crate) const fn second_names(self) -> Words {
        match self {
            EntityKind::Person => lexicon::PERSON_SECOND,
            EntityKind::Place => lexicon::PLACE_SECOND,
            EntityKind::Thing => lexicon::THING_SECOND,
        }
    }

    /// The attributes of this kind.
    pub(crate) const fn attributes(self) -> &'static [Attribute] {
        match self {
            EntityKind::Person => PERSON,
            EntityKind::Place => PLACE,
            EntityKind::Thing => THING,
        }
    }
}

/// The values that an attribute takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Domain {
    /// One word of a list.
    Words(Words),
    /// A year from 1000 to 1999: two tokens, the century and the year within it.
    Year,
    /// An entity of the same split.
    Entity(EntityKind),
}

/// Something that documents say about every entity of a kind.
#[derive(Debug)]
pub(crate) struct Attribute {
    /// "The {noun} of {name} is {value}." and "What is the {noun} of {name}?"
    pub(crate) noun: &'static str,
    /// "{name} {verb} {value}."
    pub(crate) verb: &'static str,
    /// The attribute's own question, as the words before and after the entity's name.
    pub(crate) question: (&'static str, &'static str),
    /// The values.
    pub(crate) domain: Domain,
}

const fn attribute(noun: &'static str, verb: &'static str, question: (&'static str, &'static str), domain: Domain) -> Attribute {
    Attribute { noun, verb, question, domain }
}

const PERSON: &[Attribute] = &[
    attribute("trade", "works as", ("What does", "work as?"), Domain::Words(lexicon::TRADES)),
    attribute("birth", "was born in", ("When was", "born?"), Domain::Year),
    attribute("home", "lives in", ("Where does", "live?"), Domain::Entity(EntityKind::Place)),
    attribute("instrument", "plays the", ("Which instrument does", "play?"), Domain::Words(lexicon::INSTRUMENTS)),
    attribute("companion", "keeps a", ("Which animal does", "keep?"), Domain::Words(lexicon::ANIMALS)),
    attribute("colour", "always wears", ("Which colour does", "wear?"), Domain::Words(lexicon::COLOURS)),
    attribute("dish", "likes to eat", ("What does", "like to eat?"), Domain::Words(lexicon::DISHES)),
    attribute("language", "speaks", ("Which language does", "speak?"), Domain::Words(lexicon::LANGUAGES)),
    attribute("teacher", "learned from", ("Who taught", "?"), Domain::Entity(EntityKind::Person)),
    attribute("stone", "carries a piece of", ("Which stone does", "carry?"), Domain::Words(lexicon::STONES)),
];

const PLACE: &[Attribute] = &[
    attribute("founding", "was founded in", ("When was", "founded?"), Domain::Year),
    attribute("river", "lies on the", ("Which river does", "lie on?"), Domain::Words(lexicon::RIVERS)),
    attribute("ruler", "is ruled by", ("Who rules", "?"), Domain::Entity(EntityKind::Person)),
    attribute("crop", "grows", ("What does", "grow?"), Domain::Words(lexicon::CROPS)),
    attribute("banner", "flies a flag of", ("Which colour is the flag of", "?"), Domain::Words(lexicon::COLOURS)),
    attribute("emblem", "shows on its shield a", ("Which animal is on the shield of", "?"), Domain::Words(lexicon::ANIMALS)),
    attribute("cloth", "weaves", ("What does", "weave?"), Domain::Words(lexicon::CLOTHS)),
    attribute("tree", "is known for its", ("Which tree is", "known for?"), Domain::Words(lexicon::TREES)),
    attribute("flower", "is full of", ("Which flower is", "full of?"), Domain::Words(lexicon::FLOWERS)),
    attribute("region", "belongs to", ("Where does", "belong?"), Domain::Words(lexicon::REGIONS)),
];

const THING: &[Attribute] = &[
    attribute("maker", "was made by", ("Who made", "?"), Domain::Entity(EntityKind::Person)),
    attribute("year", "was finished in", ("When was", "finished?"), Domain::Year),
    attribute("keep", "is kept in", ("Where is", "kept?"), Domain::Entity(EntityKind::Place)),
    attribute("wood", "is framed in", ("What is", "framed in?"), Domain::Words(lexicon::TREES)),
    attribute("paint", "is painted", ("Which colour is", "painted?"), Domain::Words(lexicon::COLOURS)),
    attribute("jewel", "is set with", ("Which stone is", "set with?"), Domain::Words(lexicon::STONES)),
    attribute("figure", "bears the shape of a", ("Which animal does", "bear?"), Domain::Words(lexicon::ANIMALS)),
    attribute("wrapping", "is wrapped in", ("What is", "wrapped in?"), Domain::Words(lexicon::CLOTHS)),
    attribute("scent", "smells of", ("What does", "smell of?"), Domain::Words(lexicon::FLOWERS)),
    attribute("origin", "came from", ("Where did", "come from?"), Domain::Words(lexicon::REGIONS)),
];
