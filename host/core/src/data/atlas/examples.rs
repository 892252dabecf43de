//! Question-answering records over the fixed encyclopedia, for distillation and evaluation.

use super::article::Value;
use super::config::AtlasConfig;
use super::distractor::Distraction;
use super::encyclopedia::Encyclopedia;
use super::entity::{Population, Split};
use super::question::{FactQuestion, single_hop, two_hop};
use super::record::QuestionRecord;
use super::schema::EntityKind;
use crate::support::random::Stream;

/// The source of one split's records.
#[derive(Debug)]
pub(crate) struct AtlasExamples<'a> {
    pub(crate) config: &'a AtlasConfig,
    pub(crate) split: Split,
    pub(crate) population: &'a Population,
    pub(crate) encyclopedia: &'a Encyclopedia,
}

impl AtlasExamples<'_> {
    /// The record of an index: a function of the settings, the split and the index alone.
    pub(crate) fn record(&self, index: usize) -> QuestionRecord {
        let stream = &mut Stream::new(self.config.seed, &format!("record {}", self.split), index as u64);
        let mut subjects = vec![self.subject(stream)];
        let (question, hops) = self.question(&mut subjects, stream);
        self.add_mention(&mut subjects, stream);
        let distraction = Distraction { similar_name_share: self.config.similar_name_share };
        distraction.fill(self.population, &mut subjects, self.config.documents_per_record, stream);
        let mut order: Vec<usize> = (0..subjects.len()).collect();
        stream.shuffle(&mut order);
        let scores: Vec<f64> =
            subjects.iter().enumerate().map(|(place, &other)| self.relevance(&subjects, hops, place, other)).collect();
        QuestionRecord {
            id: format!("{}-{index}", self.split),
            query: question.text,
            documents: order.iter().map(|&at| self.encyclopedia.article(subjects[at]).document()).collect(),
            gold_answers: vec![question.answer],
            document_ids: order.iter().map(|&at| self.encyclopedia.id(subjects[at])).collect(),
            supporting: (0..order.len()).filter(|&position| order[position] < hops).collect(),
            reranking_scores: order.iter().map(|&at| scores[at]).collect(),
            attribute: question.attribute.to_owned(),
            hops,
        }
    }

    /// An entity, the three kinds equally often.
    fn subject(&self, stream: &mut Stream) -> (EntityKind, usize) {
        let kind = EntityKind::ALL[stream.below(EntityKind::ALL.len())];
        (kind, stream.below(self.population.of(kind).len()))
    }

    /// A question about the first subject and how many documents it takes; adds the second
    /// document's subject if it takes two.
    fn question(&self, subjects: &mut Vec<(EntityKind, usize)>, stream: &mut Stream) -> (FactQuestion, usize) {
        let article = self.encyclopedia.article(subjects[0]);
        let linked: Vec<(EntityKind, usize)> = article
            .facts
            .iter()
            .filter_map(|fact| match fact.value {
                Value::Entity(kind, index) => Some((kind, index)),
                Value::Text(_) => None,
            })
            .collect();
        if self.config.documents_per_record > 1
            && stream.chance(self.config.two_hop_share)
            && let Some(&other) = stream.pick(&linked)
            && let Some(question) = two_hop(article, self.encyclopedia.article(other), stream)
        {
            subjects.push(other);
            return (question, 2);
        }
        let fact = &article.facts[stream.below(article.facts.len())];
        (single_hop(article, fact, stream.chance(self.config.own_words_share)), 1)
    }

    /// How relevant the document about `other`, which stands at `place` among the subjects, is to a
    /// question about the first of them.
    fn relevance(&self, subjects: &[(EntityKind, usize)], hops: usize, place: usize, other: (EntityKind, usize)) -> f64 {
        let asked = subjects[0];
        let words = |(kind, index): (EntityKind, usize)| &self.population.of(kind)[index].words;
        if place < hops {
            1.0
        } else if self.encyclopedia.mentioning(asked).contains(&other) {
            0.5
        } else if words(asked).iter().zip(words(other)).any(|(a, b)| a == b) {
            0.25
        } else {
            0.0
        }
    }

    fn add_mention(&self, subjects: &mut Vec<(EntityKind, usize)>, stream: &mut Stream) {
        let wanted = stream.chance(self.config.mention_share);
        let mention = stream.pick(self.encyclopedia.mentioning(subjects[0])).copied();
        if let Some(mention) = mention
            && wanted
            && subjects.len() < self.config.documents_per_record
            && !subjects.contains(&mention)
        {
            subjects.push(mention);
        }
    }
}
