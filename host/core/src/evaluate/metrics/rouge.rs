//! ROUGE-L in the two definitions in use. They differ in tokens, in how repeated words count and in
//! the final formula.

use std::collections::HashSet;

use super::normalize::split_python;

/// ROUGE-L F1 as PyPI `rouge_score` 0.1.2 computes `rougeL` without stemming.
///
/// Tokens are the runs of ASCII letters and digits of the lower-cased text, so text in other
/// scripts has none and scores 0.
pub fn rouge_l(prediction: &str, gold: &str) -> f64 {
    let (prediction, gold) = (prediction.to_lowercase(), gold.to_lowercase());
    let (prediction, gold) = (ascii_words(&prediction), ascii_words(&gold));
    if prediction.is_empty() || gold.is_empty() {
        return 0.0;
    }
    let table = lcs_table(&gold, &prediction);
    let common = f64::from(table[gold.len()][prediction.len()]);
    let precision = common / prediction.len() as f64;
    let recall = common / gold.len() as f64;
    if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
}

/// ROUGE-L F1 as PyPI `rouge` 1.0.1 computes it with its defaults, which is what KILT and BERGEN
/// report.
///
/// It is a summary-level score over *sets* of words: the text is cut into sentences at every full
/// stop, words are whatever white space separates (case and punctuation count), and a repeated word
/// counts once. A text without a sentence scores 0, as KILT treats the error that the package
/// raises there.
pub fn rouge_l_kilt(prediction: &str, gold: &str) -> f64 {
    let (prediction, gold) = (sentences(prediction), sentences(gold));
    if prediction.is_empty() || gold.is_empty() {
        return 0.0;
    }
    let mut union: HashSet<&str> = HashSet::new();
    for reference in &gold {
        for candidate in &prediction {
            union.extend(longest_common_subsequence(reference, candidate));
        }
    }
    let distinct = |sentences: &[Vec<&str>]| sentences.iter().flatten().collect::<HashSet<_>>().len() as f64;
    let recall = union.len() as f64 / distinct(&gold);
    let precision = union.len() as f64 / distinct(&prediction);
    2.0 * ((precision * recall) / (precision + recall + 1e-8))
}

fn ascii_words(lowered: &str) -> Vec<&str> {
    lowered.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

/// The words of each sentence; a sentence of white space alone holds one empty word, as in the
/// package.
fn sentences(text: &str) -> Vec<Vec<&str>> {
    let words = |sentence| {
        let words: Vec<&str> = split_python(sentence).collect();
        if words.is_empty() { vec![""] } else { words }
    };
    text.split('.').filter(|sentence| !sentence.is_empty()).map(words).collect()
}

/// `table[i][j]` is the length of the longest common subsequence of the first `i` and the first `j`
/// tokens.
fn lcs_table(a: &[&str], b: &[&str]) -> Vec<Vec<u32>> {
    let mut table = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            table[i + 1][j + 1] = if x == y { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
        }
    }
    table
}

/// One of the longest common subsequences. Which one decides the score where several exist: on a
/// tie the walk back drops the last token of `b`.
fn longest_common_subsequence<'a>(a: &[&'a str], b: &[&'a str]) -> Vec<&'a str> {
    let table = lcs_table(a, b);
    let (mut i, mut j) = (a.len(), b.len());
    let mut common = Vec::new();
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            common.push(a[i - 1]);
            (i, j) = (i - 1, j - 1);
        } else if table[i - 1][j] > table[i][j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    common
}
