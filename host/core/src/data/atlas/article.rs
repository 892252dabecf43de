//! Articles: the facts about one entity, put into sentences.

use super::entity::{Entity, Population};
use super::schema::{Attribute, Domain, EntityKind};
use crate::support::random::Stream;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A word or a year.
    Text(String),
    /// Another entity of the same split: its kind and index.
    Entity(EntityKind, usize),
}

/// One attribute of an entity with its value.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) attribute: &'static Attribute,
    pub(crate) value: Value,
    /// The value's text.
    pub(crate) text: String,
}

/// The text about one entity and the facts that it states.
#[derive(Clone, Debug)]
pub(crate) struct Article {
    /// The entity's kind and its index among its kind in the split.
    pub(crate) subject: (EntityKind, usize),
    /// The entity's name.
    pub(crate) title: String,
    /// The sentences, without the title.
    pub(crate) text: String,
    /// The stated facts, in order.
    pub(crate) facts: Vec<Fact>,
}

impl Article {
    /// The document that models read: the title as a first sentence, then the text.
    pub(crate) fn document(&self) -> String {
        format!("{}. {}", self.title, self.text)
    }
}

/// How articles are worded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wording {
    /// The share of the sentences that repeat the name.
    pub(crate) name_share: f64,
    /// The share of the sentences in the attribute's own words.
    pub(crate) own_words_share: f64,
    /// The least number of tokens of a document.
    pub(crate) min_tokens: usize,
}

/// The writer of a split's articles; it only ever names entities of that split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Author<'a> {
    pub(crate) population: &'a Population,
    pub(crate) wording: Wording,
}

impl Author<'_> {
    /// The entity at an index of its kind.
    pub(crate) fn entity(&self, (kind, index): (EntityKind, usize)) -> &Entity {
        &self.population.of(kind)[index]
    }

    /// Writes an article about an entity with new random facts, all but one of its kind's
    /// attributes in random order. `fixed` gives the noun of an attribute that must be stated and
    /// its value.
    pub(crate) fn write(&self, subject: (EntityKind, usize), fixed: Option<(&str, Value)>, stream: &mut Stream) -> Article {
        let mut attributes: Vec<&'static Attribute> = subject.0.attributes().iter().collect();
        stream.shuffle(&mut attributes);
        if let Some((noun, _)) = &fixed {
            attributes.sort_by_key(|attribute| attribute.noun != *noun);
        }
        attributes.pop();
        if fixed.is_some() {
            stream.shuffle(&mut attributes);
        }
        self.state(subject, &attributes, fixed.as_ref(), stream)
    }

    /// Writes an article with the given attributes of an entity, in order, with new random values
    /// except for the fixed one.
    pub(crate) fn state(
        &self,
        subject: (EntityKind, usize),
        attributes: &[&'static Attribute],
        fixed: Option<&(&str, Value)>,
        stream: &mut Stream,
    ) -> Article {
        let facts: Vec<Fact> = attributes
            .iter()
            .copied()
            .map(|attribute| {
                let value = match fixed {
                    Some((noun, value)) if attribute.noun == *noun => value.clone(),
                    _ => self.draw(subject, attribute.domain, stream),
                };
                let text = match &value {
                    Value::Text(text) => text.clone(),
                    Value::Entity(kind, index) => self.entity((*kind, *index)).name.clone(),
                };
                Fact { attribute, value, text }
            })
            .collect();
        let entity = self.entity(subject);
        let text = self.sentences(entity, &facts, stream).join(" ");
        Article { subject, title: entity.name.clone(), text, facts }
    }

    fn draw(&self, subject: (EntityKind, usize), domain: Domain, stream: &mut Stream) -> Value {
        match domain {
            Domain::Words(words) => Value::Text(words.word(stream.below(words.len()))),
            Domain::Year => Value::Text((1000 + stream.below(1000)).to_string()),
            Domain::Entity(kind) => {
                let count = self.population.of(kind).len();
                let mut index = stream.below(count);
                if (kind, index) == subject {
                    index = (index + 1) % count;
                }
                Value::Entity(kind, index)
            }
        }
    }

    /// One sentence a fact; short ones are reworded, first ones first, until the document is long
    /// enough.
    fn sentences(&self, entity: &Entity, facts: &[Fact], stream: &mut Stream) -> Vec<String> {
        let mut sentences = Vec::with_capacity(facts.len());
        for (index, fact) in facts.iter().enumerate() {
            let named = index == 0 || stream.chance(self.wording.name_share);
            let own_words = stream.chance(self.wording.own_words_share);
            sentences.push(Sentence::new(entity, fact, named, own_words));
        }
        let mut tokens = NAME_TOKENS + 1 + sentences.iter().map(|sentence| sentence.tokens).sum::<usize>();
        for (current, fact) in sentences.iter_mut().zip(facts) {
            if tokens >= self.wording.min_tokens {
                break;
            }
            let longer = Sentence::new(entity, fact, true, false);
            if longer.tokens > current.tokens {
                tokens += longer.tokens - current.tokens;
                *current = longer;
            }
        }
        sentences.into_iter().map(|sentence| sentence.text).collect()
    }
}

/// Every name is two tokens long.
const NAME_TOKENS: usize = 2;

/// A sentence and its length in tokens of the Atlas tokenizer.
struct Sentence {
    text: String,
    tokens: usize,
}

impl Sentence {
    fn new(entity: &Entity, fact: &Fact, named: bool, own_words: bool) -> Self {
        let (subject, possessive) = match (entity.kind, entity.feminine) {
            (EntityKind::Person, true) => ("She", "Her"),
            (EntityKind::Person, false) => ("He", "His"),
            (EntityKind::Place | EntityKind::Thing, _) => ("It", "Its"),
        };
        let Attribute { noun, verb, domain, .. } = fact.attribute;
        let (name, value) = (&entity.name, &fact.text);
        let value_tokens = match domain {
            Domain::Words(_) => 1,
            Domain::Year => 2,
            Domain::Entity(_) => NAME_TOKENS,
        };
        let verb_tokens = verb.split(' ').count();
        let (start, tokens) = match (named, own_words) {
            (true, true) => (format!("{name} {verb}"), NAME_TOKENS + verb_tokens),
            (false, true) => (format!("{subject} {verb}"), 1 + verb_tokens),
            (true, false) => (format!("The {noun} of {name} is"), NAME_TOKENS + 4),
            (false, false) => (format!("{possessive} {noun} is"), 3),
        };
        Self { text: format!("{start} {value}."), tokens: tokens + value_tokens + 1 }
    }
}
