//! The fixed encyclopedia of one split: an article about each of its entities.

use super::article::{Article, Author, Value};
use super::entity::Split;
use super::record::AtlasDocument;
use super::schema::EntityKind;
use crate::support::random::Stream;

/// The articles of one split, and which of them mention whom.
#[derive(Debug)]
pub(crate) struct Encyclopedia {
    split: Split,
    articles: [Vec<Article>; 3],
    mentions: [Vec<Vec<(EntityKind, usize)>>; 3],
}

impl Encyclopedia {
    /// Writes an article about every entity of the split.
    pub(crate) fn write(author: Author<'_>, split: Split, seed: u64) -> Self {
        let label = format!("encyclopedia {split}");
        let articles = EntityKind::ALL.map(|kind| {
            let count = author.population.of(kind).len();
            (0..count)
                .map(|index| {
                    let mut stream = Stream::new(seed, &format!("{label} {}", kind.name()), index as u64);
                    author.write((kind, index), None, &mut stream)
                })
                .collect::<Vec<Article>>()
        });
        let mut mentions = EntityKind::ALL.map(|kind| vec![Vec::new(); author.population.of(kind).len()]);
        for article in articles.iter().flatten() {
            for fact in &article.facts {
                if let Value::Entity(kind, index) = fact.value {
                    mentions[kind as usize][index].push(article.subject);
                }
            }
        }
        Self { split, articles, mentions }
    }

    /// The article about an entity.
    pub(crate) fn article(&self, (kind, index): (EntityKind, usize)) -> &Article {
        &self.articles[kind as usize][index]
    }

    /// All articles, people first.
    pub(crate) fn articles(&self) -> impl Iterator<Item = &Article> {
        self.articles.iter().flatten()
    }

    /// The entities whose articles mention an entity.
    pub(crate) fn mentioning(&self, (kind, index): (EntityKind, usize)) -> &[(EntityKind, usize)] {
        &self.mentions[kind as usize][index]
    }

    /// The identifier of an entity's document in the corpus.
    pub(crate) fn id(&self, (kind, index): (EntityKind, usize)) -> String {
        format!("{}-{}-{index}", self.split, kind.name())
    }

    /// The documents as the corpus has them.
    pub(crate) fn corpus(&self) -> impl Iterator<Item = AtlasDocument> + '_ {
        self.articles().map(|article| AtlasDocument {
            id: self.id(article.subject),
            title: article.title.clone(),
            text: article.text.clone(),
        })
    }
}
