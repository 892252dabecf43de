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

/// The best documents of each question of a block, with their texts.
pub(super) fn rank(
    reranker: Option<&dyn Reranker>,
    questions: &[Question],
    candidates: &[Candidates],
    config: &Preparation,
) -> Result<Vec<(Ranked, Vec<String>)>> {
    let ranked = questions.iter().zip(candidates).enumerate().map(|(place, (question, own))| match own {
        Candidates::Given => given(reranker, question, config.keep),
        Candidates::Found(own) if own.is_empty() => {
            Ok((Ranked::Skipped { reason: "the retriever found no document".into() }, Vec::new()))
        }
        Candidates::Found(own) => {
            found(reranker, question, own, &borrowed(candidates, place, own, share(config.borrow, place)), config.keep)
        }
    });
    ranked.collect()
}

/// The best of the documents that a question came with.
fn given(reranker: Option<&dyn Reranker>, question: &Question, keep: usize) -> Result<(Ranked, Vec<String>)> {
    let texts: Vec<&str> = question.documents.iter().map(String::as_str).collect();
    let scores = match &question.reranking_scores {
        Some(scores) => Some(scores.clone()),
        None => scores(reranker, question, &texts)?,
    };
    let mut order = in_order((0..texts.len()).collect(), scores.as_deref());
    order.truncate(keep);
    let kept = order.iter().map(|&place| texts[place].to_owned()).collect();
    let scores = scores.map(|scores| order.iter().map(|&place| scores[place]).collect());
    Ok((Ranked::Given { places: order, scores }, kept))
}

/// The best of the documents that were found for a question, and those that are borrowed, `keep` in all.
fn found(
    reranker: Option<&dyn Reranker>,
    question: &Question,
    own: &[Found],
    borrowed: &[&Found],
    keep: usize,
) -> Result<(Ranked, Vec<String>)> {
    let all: Vec<&Found> = own.iter().chain(borrowed.iter().copied()).collect();
    let texts: Vec<&str> = all.iter().map(|found| found.text.as_str()).collect();
    let scores = scores(reranker, question, &texts)?;
    let mut kept = in_order((0..own.len()).collect(), scores.as_deref());
    kept.truncate(keep.saturating_sub(borrowed.len()));
    kept.extend(own.len()..all.len());
    let order = in_order(kept, scores.as_deref());
    let ids = order.iter().map(|&place| all[place].id.clone()).collect();
    let texts = order.iter().map(|&place| all[place].text.clone()).collect();
    let scores = scores.map(|scores| order.iter().map(|&place| scores[place]).collect());
    Ok((Ranked::Found { ids, scores }, texts))
}

/// What the question at `place` borrows, so that all borrow `average` documents.
fn share(average: f64, place: usize) -> usize {
    let until = |place: usize| (average * place as f64).floor() as usize;
    until(place + 1) - until(place)
}

/// Documents that were found first for the questions after the one at `place`, and were not found for it; at most `most`.
fn borrowed<'a>(candidates: &'a [Candidates], place: usize, own: &[Found], most: usize) -> Vec<&'a Found> {
    let (before, after) = candidates.split_at(place);
    let mut borrowed: Vec<&Found> = Vec::with_capacity(most);
    for other in after.iter().skip(1).chain(before) {
        let Candidates::Found(other) = other else { continue };
        if borrowed.len() == most {
            break;
        }
        let is_new = |other: &&Found| own.iter().chain(borrowed.iter().copied()).all(|known| known.id != other.id);
        borrowed.extend(other.first().filter(is_new));
    }
    borrowed
}

/// The reranker's scores, if there is a reranker.
fn scores(reranker: Option<&dyn Reranker>, question: &Question, texts: &[&str]) -> Result<Option<Vec<f64>>> {
    let scores = reranker.map(|reranker| reranker.score(&question.query, texts)).transpose()?;
    Ok(scores.map(|scores| scores.into_iter().map(decimal).collect()))
}

/// `places` by descending score; those of equal scores, and all where there are none, stay in their order.
fn in_order(mut places: Vec<usize>, scores: Option<&[f64]>) -> Vec<usize> {
    if let Some(scores) = scores {
        places.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    }
    places
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a document its first letter's distance from `a`.
    struct Alphabet;

    impl Reranker for Alphabet {
        fn score(&self, _: &str, documents: &[&str]) -> scaledown_sdk::Result<Vec<f32>> {
            Ok(documents.iter().map(|document| f32::from(document.as_bytes()[0] - b'a')).collect())
        }
    }

    fn block(found: &[&str]) -> (Vec<Question>, Vec<Candidates>) {
        let one = |id: char| Found { id: id.to_string(), score: 1.0, text: format!("{id}.") };
        let candidates = found.iter().map(|ids| Candidates::Found(ids.chars().map(one).collect())).collect();
        (vec![Question::default(); found.len()], candidates)
    }

    fn ids(ranked: &[(Ranked, Vec<String>)]) -> Vec<String> {
        let ids = |(ranked, texts): &(Ranked, Vec<String>)| match ranked {
            Ranked::Found { ids, .. } => {
                assert_eq!(*texts, ids.iter().map(|id| format!("{id}.")).collect::<Vec<_>>());
                ids.concat()
            }
            _ => "-".into(),
        };
        ranked.iter().map(ids).collect()
    }

    #[test]
    fn the_best_are_kept_in_order() {
        let (questions, candidates) = block(&["abcd", "ba", ""]);
        let config = Preparation { keep: 3, ..Preparation::default() };
        let ranked = rank(Some(&Alphabet), &questions, &candidates, &config).unwrap();
        assert_eq!(ids(&ranked), ["dcb", "ba", "-"]);
        assert!(matches!(&ranked[0].0, Ranked::Found { scores: Some(scores), .. } if *scores == [3.0, 2.0, 1.0]));
        assert_eq!(ids(&rank(None, &questions, &candidates, &config).unwrap()), ["abc", "ba", "-"]);
    }

    #[test]
    fn others_lend_what_was_not_found() {
        let (questions, candidates) = block(&["abc", "cab", "xyz", "", "mno"]);
        let config = Preparation { keep: 3, borrow: 2.0, ..Preparation::default() };
        // The second question's first document was found for the first as well.
        assert_eq!(ids(&rank(None, &questions, &candidates, &config).unwrap()), ["axm", "cxm", "xma", "-", "mac"]);
        assert_eq!(ids(&rank(Some(&Alphabet), &questions, &candidates, &config).unwrap()), ["xmc", "xmc", "zma", "-", "oca"]);
        let (questions, candidates) = block(&["abc"]);
        assert_eq!(ids(&rank(None, &questions, &candidates, &config).unwrap()), ["abc"], "nobody lends");
    }

    #[test]
    fn what_is_borrowed_comes_to_its_average() {
        let shares = |average: f64| (0..6).map(|place| share(average, place)).collect::<Vec<_>>();
        assert_eq!(shares(2.0), [2; 6]);
        assert_eq!(shares(3.5), [3, 4, 3, 4, 3, 4]);
        assert_eq!(shares(0.0), [0; 6]);
    }

    #[test]
    fn scores_that_are_given_are_not_made_again() {
        let question = Question { documents: vec!["a".into(), "b".into()], ..Question::default() };
        let scored = Question { reranking_scores: Some(vec![2.0, 1.0]), ..question.clone() };
        let (questions, candidates) = ([question, scored], [Candidates::Given, Candidates::Given]);
        let ranked = rank(Some(&Alphabet), &questions, &candidates, &Preparation::default()).unwrap();
        assert_eq!(ranked[0].0, Ranked::Given { places: vec![1, 0], scores: Some(vec![1.0, 0.0]) });
        assert_eq!(ranked[1].0, Ranked::Given { places: vec![0, 1], scores: Some(vec![2.0, 1.0]) });
    }
}
