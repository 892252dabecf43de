//! The documents of a question: found by the retriever or given, and ordered by the reranker.

use scaledown_sdk::component::{Hit, Reranker};
use serde::{Deserialize, Serialize};

use super::answering::refuses;
use super::block::Block;
use super::config::Preparation;
use crate::Result;
use crate::data::questions::CorpusQuestion;
use crate::retrieval::{FoundChunk, SearchIndex};
use crate::support::random::Stream;

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
    Found {
        /// The retriever's best.
        best: Vec<FoundChunk>,
        /// Those drawn from the others that it found.
        drawn: Vec<FoundChunk>,
    },
    Given,
    /// There are none, and nothing that could find some.
    Missing,
}

/// The retriever's results for the questions of a block without documents.
pub(super) fn retrieve(index: Option<&SearchIndex>, block: &Block, config: &Preparation) -> Result<Vec<Candidates>> {
    let without = || block.questions.iter().filter(|question| question.documents.is_empty());
    let queries: Vec<&str> = without().map(|question| question.query.as_str()).collect();
    let mut found = match index {
        Some(index) if !queries.is_empty() => {
            let hits = index.hits(&queries, config.retrieve)?;
            let chosen: Vec<Chosen<Hit>> =
                hits.into_iter().zip(without()).map(|(hits, asked)| choose(hits, asked, config)).collect();
            let (best, drawn): (Vec<Vec<Hit>>, Vec<Vec<Hit>>) =
                chosen.into_iter().map(|chosen| (chosen.best, chosen.drawn)).unzip();
            index.read(best)?.into_iter().zip(index.read(drawn)?).collect()
        }
        _ => vec![(Vec::new(), Vec::new()); queries.len()],
    }
    .into_iter();
    let candidates = |question: &CorpusQuestion| match (question.documents.is_empty(), index) {
        (true, Some(_)) => {
            let (best, drawn) = found.next().unwrap_or_default();
            Candidates::Found { best, drawn }
        }
        (true, None) => Candidates::Missing,
        (false, _) => Candidates::Given,
    };
    Ok(block.questions.iter().map(candidates).collect())
}

/// The candidates of a question.
struct Chosen<T> {
    best: Vec<T>,
    drawn: Vec<T>,
}

/// The best retrieved documents, and random ones of the others; the draw depends on the question
/// alone.
fn choose<T>(mut found: Vec<T>, question: &CorpusQuestion, config: &Preparation) -> Chosen<T> {
    let mut others = found.split_off(config.reranked().min(found.len()));
    let mut stream = Stream::new(0, &question.id, u64::from(crc32c::crc32c(question.query.as_bytes())));
    let count = config.random_negatives.floor() as usize + usize::from(stream.chance(config.random_negatives.fract()));
    let drawn = (0..count.min(others.len())).map(|_| others.swap_remove(stream.below(others.len()))).collect();
    Chosen { best: found, drawn }
}

/// The best documents of each question of a block, with their texts.
pub(super) fn rank(
    reranker: Option<&dyn Reranker>,
    questions: &[CorpusQuestion],
    candidates: &[Candidates],
    config: &Preparation,
) -> Result<Vec<(Ranked, Vec<String>)>> {
    let ranked = questions.iter().zip(candidates).map(|(question, candidates)| match candidates {
        Candidates::Given => given(reranker, question, config.keep),
        Candidates::Missing => Ok(skip("has no documents, and the configuration has no [retriever]")),
        Candidates::Found { best, .. } if best.is_empty() => Ok(skip("the retriever found no documentss")),
        Candidates::Found { best, drawn } => found(reranker, question, best, drawn, config.keep),
    });
    // A question that the reranker rejects cannot be prepared; a retry would fail again.
    let skipped = |ranked: Result<_>| match ranked {
        Err(error) if error.downcast_ref().is_some_and(refuses) => Ok(skip(&error.to_string())),
        other => other,
    };
    ranked.map(skipped).collect()
}

fn skip(reason: &str) -> (Ranked, Vec<String>) {
    (Ranked::Skipped { reason: reason.to_owned() }, Vec::new())
}

/// The best of the documents that a question came with.
fn given(reranker: Option<&dyn Reranker>, question: &CorpusQuestion, keep: usize) -> Result<(Ranked, Vec<String>)> {
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

/// The best of the documents that were found for a question, and those that were drawn, `keep` in
/// all.
fn found(
    reranker: Option<&dyn Reranker>,
    question: &CorpusQuestion,
    best: &[FoundChunk],
    drawn: &[FoundChunk],
    keep: usize,
) -> Result<(Ranked, Vec<String>)> {
    let all: Vec<&FoundChunk> = best.iter().chain(drawn).collect();
    let texts: Vec<&str> = all.iter().map(|found| found.text.as_str()).collect();
    let scores = scores(reranker, question, &texts)?;
    let mut kept = in_order((0..best.len()).collect(), scores.as_deref());
    kept.truncate(keep.saturating_sub(drawn.len()));
    kept.extend(best.len()..all.len());
    let order = in_order(kept, scores.as_deref());
    let ids = order.iter().map(|&place| all[place].id.clone()).collect();
    let texts = order.iter().map(|&place| all[place].text.clone()).collect();
    let scores = scores.map(|scores| order.iter().map(|&place| scores[place]).collect());
    Ok((Ranked::Found { ids, scores }, texts))
}

/// The reranker's scores, if there is a reranker.
fn scores(reranker: Option<&dyn Reranker>, question: &CorpusQuestion, texts: &[&str]) -> Result<Option<Vec<f64>>> {
    let scores = reranker.map(|reranker| reranker.score(&question.query, texts)).transpose()?;
    Ok(scores.map(|scores| scores.into_iter().map(decimal).collect()))
}

/// `places` by descending score; those of equal scores, and all where there are none, stay in their
/// order.
fn in_order(mut places: Vec<usize>, scores: Option<&[f64]>) -> Vec<usize> {
    if let Some(scores) = scores {
        places.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    }
    places
}

/// A score rounded to its shortest text.
fn decimal(score: f32) -> f64 {
    score.to_string().parse().unwrap_or(f64::from(score))
}

/// The texts of a question's documents whose ranking is known.
pub(super) fn texts(index: Option<&SearchIndex>, question: &CorpusQuestion, ranked: &Ranked) -> Result<Vec<String>> {
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

    fn block(found: &[&str]) -> (Vec<CorpusQuestion>, Vec<Candidates>) {
        let one = |id: char| FoundChunk { id: id.to_string(), score: 1.0, text: format!("{id}.") };
        let candidates = found.iter().map(|ids| {
            let (best, drawn) = ids.split_once('+').unwrap_or((ids, ""));
            Candidates::Found { best: best.chars().map(one).collect(), drawn: drawn.chars().map(one).collect() }
        });
        let candidates = candidates.collect();
        (vec![CorpusQuestion::default(); found.len()], candidates)
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

    /// Reads no query of more than three letters.
    struct Short;

    impl Reranker for Short {
        fn score(&self, query: &str, documents: &[&str]) -> scaledown_sdk::Result<Vec<f32>> {
            match query.len() {
                0..=3 => Ok(vec![0.0; documents.len()]),
                _ => Err(scaledown_sdk::Error::Input(format!("the query {query} is too long")).at("reranker")),
            }
        }
    }

    #[test]
    fn a_question_that_the_reranker_refuses_is_left_out() {
        let (mut questions, mut candidates) = block(&["ab", "cd"]);
        questions[0].query = "long one".into();
        questions.push(CorpusQuestion { documents: vec!["x".into()], query: "longer".into(), ..CorpusQuestion::default() });
        candidates.push(Candidates::Given);
        let ranked = rank(Some(&Short), &questions, &candidates, &Preparation::default()).unwrap();
        let reason = |at: usize| match &ranked[at].0 {
            Ranked::Skipped { reason } => reason.clone(),
            other => panic!("{other:?}"),
        };
        assert!(reason(0).contains("the query long one is too long") && reason(2).contains("longer"));
        assert_eq!(ids(&ranked), ["-", "cd", "-"]);
    }

    #[test]
    fn what_was_drawn_takes_the_place_of_the_last() {
        let (questions, candidates) = block(&["abc+xy", "ab+", "b+ac"]);
        let config = Preparation { keep: 3, ..Preparation::default() };
        assert_eq!(ids(&rank(None, &questions, &candidates, &config).unwrap()), ["axy", "ab", "bac"]);
        assert_eq!(ids(&rank(Some(&Alphabet), &questions, &candidates, &config).unwrap()), ["yxc", "ba", "cba"]);
    }

    #[test]
    fn a_draw_is_the_questions_own_and_comes_to_its_average() {
        let config = Preparation { retrieve: 50, rerank: Some(2), random_negatives: 2.5, ..Preparation::default() };
        let found: Vec<usize> = (0..50).collect();
        let question = |id: usize| CorpusQuestion { id: id.to_string(), query: "who".into(), ..CorpusQuestion::default() };
        let draw = |id: usize| choose(found.clone(), &question(id), &config);
        let (mut count, mut seen) = (0, std::collections::BTreeSet::new());
        for id in 0..400 {
            let Chosen { best, drawn } = draw(id);
            assert_eq!(best, [0, 1]);
            assert!((2..=3).contains(&drawn.len()));
            let different: std::collections::BTreeSet<_> = drawn.iter().collect();
            assert!(different.len() == drawn.len() && drawn.iter().all(|&place| place >= 2));
            assert_eq!(draw(id).drawn, drawn);
            count += drawn.len();
            seen.extend(drawn);
        }
        assert!((960..1040).contains(&count), "{count}");
        assert_eq!(seen.len(), 48, "all the others come up");
        assert_eq!(choose(vec![0, 1, 2], &question(0), &config).drawn, [2], "no more than there are");
        assert!(choose(vec![0], &question(0), &config).drawn.is_empty());
    }

    #[test]
    fn scores_that_are_given_are_not_made_again() {
        let question = CorpusQuestion { documents: vec!["a".into(), "b".into()], ..CorpusQuestion::default() };
        let scored = CorpusQuestion { reranking_scores: Some(vec![2.0, 1.0]), ..question.clone() };
        let (questions, candidates) = ([question, scored], [Candidates::Given, Candidates::Given]);
        let ranked = rank(Some(&Alphabet), &questions, &candidates, &Preparation::default()).unwrap();
        assert_eq!(ranked[0].0, Ranked::Given { places: vec![1, 0], scores: Some(vec![1.0, 0.0]) });
        assert_eq!(ranked[1].0, Ranked::Given { places: vec![0, 1], scores: Some(vec![2.0, 1.0]) });
    }
}
