//! Contexts with many questions each, for the base model's pretraining.

use super::article::{Article, Author, Value};
use super::config::{AtlasConfig, PretrainingConfig};
use super::distractor::Distraction;
use super::question::{FactQuestion, single_hop, two_hop};
use super::record::{AtlasAnswer, AtlasContext};
use super::schema::{Attribute, Domain, EntityKind};
use crate::support::random::Stream;

/// The source of one stage's contexts. It takes the training split's entities, with new random
/// facts for every context.
#[derive(Debug)]
pub(crate) struct PretrainingContexts<'a> {
    pub(crate) config: &'a AtlasConfig,
    pub(crate) author: Author<'a>,
    pub(crate) stage: &'a PretrainingConfig,
    /// The stage's number, from 1.
    pub(crate) number: usize,
}

impl PretrainingContexts<'_> {
    /// The context of an index: a function of the settings, the stage and the index alone.
    pub(crate) fn record(&self, index: usize) -> AtlasContext {
        let stream = &mut Stream::new(self.config.seed, &format!("pretraining {}", self.number), index as u64);
        let mut articles = self.articles(stream);
        let mut questions = self.questions(&articles, stream);
        stream.shuffle(&mut questions);
        questions.truncate(self.stage.questions);
        stream.shuffle(&mut articles);
        AtlasContext {
            id: format!("pretraining-{}-{index}", self.number),
            documents: articles.iter().map(Article::document).collect(),
            questions: questions.into_iter().map(|q| AtlasAnswer { query: q.text, answer: q.answer }).collect(),
        }
    }

    fn two_hop_share(&self) -> f64 {
        self.stage.two_hop_share.unwrap_or(self.config.two_hop_share)
    }

    /// Between one article and the stage's most; the full number half of the time. Where the
    /// context asks a two-hop question, the first article names the entity of the second.
    fn articles(&self, stream: &mut Stream) -> Vec<Article> {
        if let Some(facts) = self.stage.facts {
            return self.short_articles(facts, stream);
        }
        let most = self.stage.documents;
        let count = if stream.chance(0.5) { most } else { 1 + stream.below(most) };
        let population = self.author.population;
        let kind = EntityKind::ALL[stream.below(EntityKind::ALL.len())];
        let mut subjects = vec![(kind, stream.below(population.of(kind).len()))];
        let mut link = None;
        if count > 1 && stream.chance(self.two_hop_share()) {
            let links: Vec<(&'static str, EntityKind)> = kind
                .attributes()
                .iter()
                .filter_map(|attribute| match attribute.domain {
                    Domain::Entity(kind) => Some((attribute.noun, kind)),
                    _ => None,
                })
                .collect();
            link = stream.pick(&links).copied();
        }
        let fixed = link.map(|(noun, kind)| {
            let count = population.of(kind).len();
            let mut index = stream.below(count);
            if (kind, index) == subjects[0] {
                index = (index + 1) % count;
            }
            subjects.push((kind, index));
            (noun, Value::Entity(kind, index))
        });
        let similar_name_share = self.stage.similar_name_share.unwrap_or(self.config.similar_name_share);
        let distraction = Distraction { similar_name_share };
        distraction.fill(population, &mut subjects, count, stream);
        let mut fixed = fixed;
        subjects.into_iter().map(|subject| self.author.write(subject, fixed.take(), stream)).collect()
    }

    /// At least half of the stage's most articles, all of one kind; they state the same few
    /// attributes, each in an order of its own.
    fn short_articles(&self, facts: usize, stream: &mut Stream) -> Vec<Article> {
        let population = self.author.population;
        let kind = EntityKind::ALL[stream.below(EntityKind::ALL.len())];
        let mut attributes: Vec<&'static Attribute> = kind.attributes().iter().collect();
        stream.shuffle(&mut attributes);
        attributes.truncate(facts);
        let least = self.stage.documents.div_ceil(2);
        let count = least + stream.below(self.stage.documents - least + 1);
        let mut indices: Vec<usize> = (0..population.of(kind).len()).collect();
        stream.shuffle(&mut indices);
        let mut articles = Vec::with_capacity(count);
        for index in indices.into_iter().take(count) {
            stream.shuffle(&mut attributes);
            articles.push(self.author.state((kind, index), &attributes, None, stream));
        }
        articles
    }

    /// A question about every fact, and the two-hop questions that the articles allow.
    fn questions(&self, articles: &[Article], stream: &mut Stream) -> Vec<FactQuestion> {
        let mut questions = Vec::new();
        for article in articles {
            for fact in &article.facts {
                questions.push(single_hop(article, fact, stream.chance(self.config.own_words_share)));
            }
        }
        let single = questions.len() as f64;
        for (from, to) in articles.iter().flat_map(|from| articles.iter().map(move |to| (from, to))) {
            if stream.chance(self.two_hop_share() * single) {
                questions.extend(two_hop(from, to, stream));
            }
        }
        questions
    }
}
