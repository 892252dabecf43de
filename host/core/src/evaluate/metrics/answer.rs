//! Scores of one answer against its gold answers, and their mean over a dataset.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{normalize::normalize_answer, rouge_l, rouge_l_kilt};

/// The scores of one answer, or the mean over many; each lies between 0 and 1, and more is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerScores {
    /// Exact match of the normalised texts.
    pub em: f64,
    /// F1 of the normalised tokens, as multisets.
    pub f1: f64,
    /// Whether a normalised gold answer occurs in the normalised answer; other papers call it
    /// accuracy.
    #[serde(rename = "match")]
    pub matched: f64,
    /// ROUGE-L as PyPI `rouge_score` 0.1.2 defines it; see [`rouge_l`].
    pub rouge_l: f64,
    /// ROUGE-L as PyPI `rouge` 1.0.1 defines it, which KILT and BERGEN use; see [`rouge_l_kilt`].
    pub rouge_l_kilt: f64,
}

impl AnswerScores {
    /// Scores `prediction` by the best of `golds`, each metric on its own. Without gold answers
    /// every score is 0.
    pub fn best_of<S: AsRef<str>>(prediction: &str, golds: &[S]) -> Self {
        let best =
            |score: &dyn Fn(&str, &str) -> f64| golds.iter().map(|gold| score(prediction, gold.as_ref())).fold(0.0, f64::max);
        AnswerScores {
            em: best(&|prediction, gold| f64::from(exact_match(prediction, gold))),
            f1: best(&token_f1),
            matched: best(&|prediction, gold| f64::from(matches(prediction, gold))),
            rouge_l: best(&rouge_l),
            rouge_l_kilt: best(&rouge_l_kilt),
        }
    }

    /// The mean of each score; `None` when there are none.
    pub fn mean(scores: impl IntoIterator<Item = AnswerScores>) -> Option<Self> {
        let mut sum = AnswerScores::default();
        let mut count = 0_u64;
        for score in scores {
            sum.em += score.em;
            sum.f1 += score.f1;
            sum.matched += score.matched;
            sum.rouge_l += score.rouge_l;
            sum.rouge_l_kilt += score.rouge_l_kilt;
            count += 1;
        }
        let n = count as f64;
        (count > 0).then(|| AnswerScores {
            em: sum.em / n,
            f1: sum.f1 / n,
            matched: sum.matched / n,
            rouge_l: sum.rouge_l / n,
            rouge_l_kilt: sum.rouge_l_kilt / n,
        })
    }
}

/// Whether both texts are equal once normalised; two texts of nothing but articles and punctuation
/// are.
pub fn exact_match(prediction: &str, gold: &str) -> bool {
    normalize_answer(prediction) == normalize_answer(gold)
}

/// Whether the normalised `gold` is a substring of the normalised `prediction`; a gold that
/// normalises to nothing always is.
pub fn matches(prediction: &str, gold: &str) -> bool {
    normalize_answer(prediction).contains(&normalize_answer(gold))
}

/// The harmonic mean of token precision and recall after normalisation; 0 when no token is shared,
/// so also for two empty texts.
pub fn token_f1(prediction: &str, gold: &str) -> f64 {
    let (prediction, gold) = (normalize_answer(prediction), normalize_answer(gold));
    let mut unmatched: HashMap<&str, usize> = HashMap::new();
    for token in gold.split_whitespace() {
        *unmatched.entry(token).or_default() += 1;
    }
    let gold_tokens: usize = unmatched.values().sum();
    let (mut shared, mut prediction_tokens) = (0_usize, 0_usize);
    for token in prediction.split_whitespace() {
        prediction_tokens += 1;
        if let Some(left) = unmatched.get_mut(token).filter(|left| **left > 0) {
            *left -= 1;
            shared += 1;
        }
    }
    if shared == 0 {
        return 0.0;
    }
    let precision = shared as f64 / prediction_tokens as f64;
    let recall = shared as f64 / gold_tokens as f64;
    2.0 * precision * recall / (precision + recall)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Case {
        prediction: String,
        golds: Vec<String>,
        normalized: String,
        scores: AnswerScores,
    }

    #[test]
    fn agrees_with_the_reference_implementations_on_hard_cases() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../../tests/metrics/answers.json")).expect("the fixture is valid JSON");
        assert!(cases.len() > 50, "the fixture holds {} cases", cases.len());
        for Case { prediction, golds, normalized, scores: expected } in &cases {
            assert_eq!(&normalize_answer(prediction), normalized, "normalisation of {prediction:?}");
            let scores = AnswerScores::best_of(prediction, golds);
            for (name, found, wanted) in [
                ("em", scores.em, expected.em),
                ("f1", scores.f1, expected.f1),
                ("match", scores.matched, expected.matched),
                ("rouge_l", scores.rouge_l, expected.rouge_l),
                ("rouge_l_kilt", scores.rouge_l_kilt, expected.rouge_l_kilt),
            ] {
                assert!((found - wanted).abs() < 1e-12, "{name} of {prediction:?} against {golds:?}: {found}, expected {wanted}");
            }
        }
    }

    #[test]
    fn a_mean_over_nothing_is_nothing() {
        assert_eq!(AnswerScores::mean([]), None);
        let right = AnswerScores::best_of("Paris.", &["paris"]);
        let wrong = AnswerScores::best_of("Rome", &["paris"]);
        let mean = AnswerScores::mean([right, wrong]).expect("two scores have a mean");
        assert_eq!(mean.em, 0.5);
        assert_eq!(AnswerScores::best_of("Paris", &[] as &[&str]), AnswerScores::default());
    }
}
