//! The documents of a question: found by the retriever or given, and ordered by the reranker.

use scaledown_sdk::component::Reranker;
use serde::{Deserialize, Serialize};

use super::block::Block;
use crate::Result;
use crate::config::Preparation;
use crate::index::{Found, SearchIndex};
use crate::questions::Question;

/// The documents that a question keeps, best first; or why it has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ranked {
    /// Chunks that the retriever found.
    Found {
        /// Their ids.
        ids: Vec<String>,
        /// The reranker's score of each, if there is a reranker.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scores: Option<Vec<f64>>,
    },
    /// Documents that the question came with.
    Given {
        /// Their places among the question's own.
        places: Vec<usize>,
        /// The score of each, if there is a reranker or they came with scores.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scores: Option<Vec<f64>>,
    },
    /// The question has no documents.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// A question's candidates before they are reranked.
#[derive(Clone, Debug)]
pub(super) enum Candidates {
    Found(Vec<Found>),
    Given,
}

/// What the retriever finds for the questions of a block that came without documents.
pub(super) fn retrieve(index: Option<&SearchIndex>, block: &Block, most: usize) -> Result<Vec<Candidates>> {
    let without = || block.questions.iter().filter(|question| question.documents.is_empty());
    let queries: Vec<&str> = without().map(|question| question.query.as_str()).collect();
    let mut found = match index {
        Some(index) if !queries.is_empty() => index.search(&queries, most)?,
        _ => vec![Vec::new(); queries.len()],
    }
    .into_iter();
    let candidates = |question: &Question| match question.documents.is_empty() {
        true => Candidates::Found(found.next().unwrap_or_default()),
        false => Candidates::Given,
    };
    Ok(block.questions.iter().map(candidates).collect())
}

/// The best documents of a question, with their texts.
pub(super) fn rank(
    reranker: Option<&dyn Reranker>,
    question: &Question,
    candidates: Candidates,
    config: &Preparation,
) -> Result<(Ranked, Vec<String>)> {
    let (ids, texts): (Option<Vec<String>>, Vec<String>) = match candidates {
        Candidates::Found(found) => {
            let (ids, texts) = found.into_iter().map(|found| (found.id, found.text)).unzip();
            (Some(ids), texts)
        }
        Candidates::Given => (None, question.documents.clone()),
    };
    if texts.is_empty() {
        return Ok((Ranked::Skipped { reason: "the retriever found no document".into() }, Vec::new()));
    }
    let scores = match (&question.reranking_scores, reranker) {
        (Some(scores), _) => Some(scores.clone()),
        (None, Some(reranker)) => {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            Some(reranker.score(&question.query, &texts)?.into_iter().map(decimal).collect())
        }
        (None, None) => None,
    };
    let mut order: Vec<usize> = (0..texts.len()).collect();
    if let Some(scores) = &scores {
        // Documents of equal scores stay in the retriever's order.
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    }
    order.truncate(config.keep);
    let scores = scores.map(|scores| order.iter().map(|&place| scores[place]).collect());
    let kept = order.iter().map(|&place| texts[place].clone()).collect();
    let ranked = match ids {
        Some(ids) => Ranked::Found { ids: order.iter().map(|&place| ids[place].clone()).collect(), scores },
        None => Ranked::Given { places: order, scores },
    };
    Ok((ranked, kept))
}

/// A score with no more digits than it needs, as it is written and read.
fn decimal(score: f32) -> f64 {
    score.to_string().parse().unwrap_or(f64::from(score))
}

/// The texts of a question's documents whose ranking is known.
pub(super) fn texts(index: Option<&SearchIndex>, question: &Question, ranked: &Ranked) -> Result<Vec<String>> {
    match (ranked, index) {
        (Ranked::Found { ids, .. }, Some(index)) => index.texts(ids),
        (Ranked::Given { places, .. }, _) => {
            Ok(places.iter().filter_map(|&place| question.documents.get(place).cloned()).collect())
        }
        (Ranked::Found { .. }, None) | (Ranked::Skipped { .. }, _) => Ok(Vec::new()),
    }
}
