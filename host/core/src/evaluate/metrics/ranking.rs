//! Ranking metrics with the semantics of `trec_eval`, which `pytrec_eval` and BEIR share.
//!
//! A run is sorted by descending score, equal scores by descending document id (in byte order);
//! scores are compared as `f32`, the type `trec_eval` keeps them in, so what differs by less is
//! equal. Gains are linear and a rank is discounted by `log2(rank + 1)`; only positive judgements
//! count as relevant. `pytrec_eval` leaves out a judged query that the run misses;
//! [`RankingScores`] has that mean, and the stricter one that counts such a query as 0.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::Serialize;

/// Judgements: query id to document id to grade; grades of 0 and less mean "not relevant".
pub type Qrels = BTreeMap<String, BTreeMap<String, i64>>;

/// A ranking: query id to document id to score.
pub type TrecRun = BTreeMap<String, BTreeMap<String, f64>>;

/// Ranking quality at each cut-off, averaged over judged queries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankingScores {
    /// The judged queries.
    pub queries: usize,
    /// How many of them the run does not answer.
    pub missing: usize,
    /// The queries of the run that are not judged, and not scored.
    pub unjudged: usize,
    /// Means over the judged queries; one that the run does not answer counts as 0, as with
    /// `trec_eval -c`.
    pub scores: Vec<CutScores>,
    /// Means over the judged queries that the run answers, which are those that `pytrec_eval`
    /// returns.
    pub answered: Vec<CutScores>,
}

/// Ranking quality when only the first documents are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CutScores {
    /// How many documents of a query are looked at.
    pub k: usize,
    /// nDCG over the first `k` documents.
    pub ndcg: f64,
    /// The mean reciprocal rank of the first relevant document among the first `k`; 0 where there
    /// is none.
    pub mrr: f64,
    /// The share of the relevant documents among the first `k`.
    pub recall: f64,
}

/// Scores `run` against `qrels` at each of the `cuts`.
pub fn evaluate(qrels: &Qrels, run: &TrecRun, cuts: &[usize]) -> RankingScores {
    let mut sums: Vec<CutScores> = cuts.iter().map(|k| CutScores { k: *k, ..CutScores::default() }).collect();
    let mut missing = 0;
    for (query, judged) in qrels {
        let Some(retrieved) = run.get(query).filter(|retrieved| !retrieved.is_empty()) else {
            missing += 1;
            continue;
        };
        let ranked: Vec<f64> = ranking(retrieved).map(|id| judged.get(id).map_or(0.0, |grade| *grade as f64)).collect();
        let all: Vec<f64> = judged.values().map(|grade| *grade as f64).collect();
        for sum in &mut sums {
            sum.ndcg += ndcg(&ranked, &all, sum.k);
            sum.mrr += reciprocal_rank(&ranked[..sum.k.min(ranked.len())]);
            sum.recall += recall(&ranked, &all, sum.k);
        }
    }
    let mean = |count: usize| {
        let n = count.max(1) as f64;
        sums.iter().map(|sum| CutScores { k: sum.k, ndcg: sum.ndcg / n, mrr: sum.mrr / n, recall: sum.recall / n }).collect()
    };
    RankingScores {
        queries: qrels.len(),
        missing,
        unjudged: run.keys().filter(|query| !qrels.contains_key(*query)).count(),
        scores: mean(qrels.len()),
        answered: mean(qrels.len() - missing),
    }
}

/// The document ids of `scores`, best first; equal scores by larger id, scores that are not numbers
/// last.
pub fn ranking(scores: &BTreeMap<String, f64>) -> impl Iterator<Item = &str> {
    let mut ranked: Vec<(&str, f32)> = scores.iter().map(|(id, score)| (id.as_str(), *score as f32)).collect();
    ranked.sort_by(|(id_a, a), (id_b, b)| by_score(f64::from(*a), f64::from(*b)).then_with(|| id_b.cmp(id_a)));
    ranked.into_iter().map(|(id, _)| id)
}

/// nDCG at `k` of the gains `ranked` (in the order of the ranking), where `all` are the gains of
/// every judged document.
///
/// The result is 0 when no gain is positive.
pub fn ndcg(ranked: &[f64], all: &[f64], k: usize) -> f64 {
    let mut ideal: Vec<f64> = all.to_vec();
    ideal.sort_by(|a, b| by_score(*a, *b));
    let best = discounted_gain(&ideal, k);
    if best > 0.0 { discounted_gain(ranked, k) / best } else { 0.0 }
}

/// One over the rank of the first positive gain; 0 when there is none.
pub fn reciprocal_rank(ranked: &[f64]) -> f64 {
    ranked.iter().position(|gain| *gain > 0.0).map_or(0.0, |index| 1.0 / (index + 1) as f64)
}

/// The share of the positive gains in `all` that are among the first `k` of `ranked`; 0 when there
/// are none.
pub fn recall(ranked: &[f64], all: &[f64], k: usize) -> f64 {
    let relevant = |gains: &[f64]| gains.iter().filter(|gain| **gain > 0.0).count();
    let total = relevant(all);
    if total == 0 { 0.0 } else { relevant(&ranked[..k.min(ranked.len())]) as f64 / total as f64 }
}

/// How well `predicted` scores order one query's documents when a teacher's scores are the truth:
/// `(nDCG@k, reciprocal rank)`.
///
/// A teacher's scores have no grades, so a document's gain is the number of documents that the
/// teacher puts below it, and the reciprocal rank looks for the teacher's favourite. Equal
/// predictions are ordered against the model, worst document first: a model that scores everything
/// alike must not gain from it. Both slices have one score per document, in the same order; extra
/// documents are ignored. Fewer than two documents have no order (`None`).
pub fn agreement(predicted: &[f64], teacher: &[f64], k: usize) -> Option<(f64, f64)> {
    let n = predicted.len().min(teacher.len());
    if n < 2 {
        return None;
    }
    let teacher = &teacher[..n];
    let gains: Vec<f64> = teacher.iter().map(|own| teacher.iter().filter(|other| *other < own).count() as f64).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| by_score(predicted[*a], predicted[*b]).then_with(|| gains[*a].total_cmp(&gains[*b])));
    let ranked: Vec<f64> = order.iter().map(|document| gains[*document]).collect();
    let best = gains.iter().copied().fold(0.0, f64::max);
    let favourite: Vec<f64> = ranked.iter().map(|gain| f64::from(best > 0.0 && *gain == best)).collect();
    (best > 0.0).then(|| (ndcg(&ranked, &gains, k), reciprocal_rank(&favourite)))
}

fn discounted_gain(gains: &[f64], k: usize) -> f64 {
    gains.iter().take(k).enumerate().map(|(index, gain)| gain.max(0.0) / ((index + 2) as f64).log2()).sum()
}

/// Descending order, NaN last.
fn by_score(a: f64, b: f64) -> Ordering {
    a.is_nan().cmp(&b.is_nan()).then_with(|| b.partial_cmp(&a).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        qrels: Qrels,
        run: TrecRun,
        k: usize,
        ndcg: f64,
        mrr: f64,
        recall: f64,
    }

    #[test]
    fn agrees_with_pytrec_eval() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../../tests/metrics/rankings.json")).expect("the fixture is valid JSON");
        assert!(cases.len() > 10, "the fixture holds {} cases", cases.len());
        for case in &cases {
            // The fixture's reciprocal rank is that of the whole ranking.
            let scores = evaluate(&case.qrels, &case.run, &[case.k, usize::MAX]).scores;
            for (metric, found, wanted) in
                [("ndcg", scores[0].ndcg, case.ndcg), ("mrr", scores[1].mrr, case.mrr), ("recall", scores[0].recall, case.recall)]
            {
                assert!((found - wanted).abs() < 1e-12, "{metric} of {}: {found}, expected {wanted}", case.name);
            }
        }
    }

    #[test]
    fn a_query_the_run_misses_counts_as_zero_and_is_reported() {
        let judged = || BTreeMap::from([("d1".to_owned(), 1)]);
        let qrels = Qrels::from([("q1".to_owned(), judged()), ("q2".to_owned(), judged())]);
        let run = TrecRun::from([("q1".to_owned(), BTreeMap::from([("d1".to_owned(), 0.5)]))]);
        let scores = evaluate(&qrels, &run, &[10]);
        assert_eq!((scores.queries, scores.missing, scores.unjudged), (2, 1, 0));
        assert_eq!(scores.scores, [CutScores { k: 10, ndcg: 0.5, mrr: 0.5, recall: 0.5 }]);
        assert_eq!(scores.answered, [CutScores { k: 10, ndcg: 1.0, mrr: 1.0, recall: 1.0 }]);
    }

    #[test]
    fn agreement_with_a_teacher_rewards_its_order_alone() {
        let teacher = [3.5, -1.0, 0.25];
        assert_eq!(agreement(&[9.0, 1.0, 2.0], &teacher, 10), Some((1.0, 1.0)));
        let (reversed, rank) = agreement(&[-9.0, 9.0, 0.0], &teacher, 10).expect("three documents have an order");
        assert!(reversed < 0.7 && rank == 1.0 / 3.0);
        let (constant, rank) = agreement(&[0.0, 0.0, 0.0], &teacher, 10).expect("three documents have an order");
        assert_eq!((constant, rank), (reversed, 1.0 / 3.0));
        assert_eq!(agreement(&[1.0], &[1.0], 10), None);
        assert_eq!(agreement(&[1.0, 2.0], &[0.5, 0.5], 10), None);
    }
}
