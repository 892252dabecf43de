//! Questions about facts.

use super::article::{Article, Fact, Value};
use super::schema::Attribute;
use crate::support::random::Stream;

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactQuestion {
    pub(crate) text: String,
    pub(crate) answer: String,
    /// The noun of the attribute asked about; of the last one where there are two.
    pub(crate) attribute: &'static str,
}

/// Asks about one fact of an article: "What is the river of NAME?", or in the attribute's own
/// words.
pub(crate) fn single_hop(article: &Article, fact: &Fact, own_words: bool) -> FactQuestion {
    let Attribute { noun, question: (before, after), .. } = fact.attribute;
    let name = &article.title;
    let text = match (own_words, after.starts_with('?')) {
        (true, true) => format!("{before} {name}{after}"),
        (true, false) => format!("{before} {name} {after}"),
        (false, _) => format!("What is the {noun} of {name}?"),
    };
    FactQuestion { text, answer: fact.text.clone(), attribute: noun }
}

/// Asks about a fact of the entity that a fact of another article names: "What is the river of the
/// home of NAME?". None when no fact of `from` names the entity of `to`.
pub(crate) fn two_hop(from: &Article, to: &Article, stream: &mut Stream) -> Option<FactQuestion> {
    let (kind, index) = to.subject;
    let link = from.facts.iter().find(|fact| fact.value == Value::Entity(kind, index))?;
    let fact = stream.pick(&to.facts)?;
    let text = format!("What is the {} of the {} of {}?", fact.attribute.noun, link.attribute.noun, from.title);
    Some(FactQuestion { text, answer: fact.text.clone(), attribute: fact.attribute.noun })
}
