//! A reranker that counts words: `[reranker] plugin = "overlap"`.

use std::collections::HashSet;

use scaledown_sdk::Result;
use scaledown_sdk::component::{Registration, Reranker, RerankerContext, RerankerPlugin, inventory};

inventory::submit! {
    Registration::reranker::<Overlap>("overlap", "Scores documents by the share of the query's words that they have.")
}

/// Its keys beside `plugin`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct OverlapConfig {
    /// Words of fewer letters do not count.
    #[serde(default)]
    min_letters: usize,
}

/// Scores a document by the share of the query's words that it has, from 0 to 1.
struct Overlap {
    min_letters: usize,
}

impl RerankerPlugin for Overlap {
    type Config = OverlapConfig;

    fn build(config: OverlapConfig, _: RerankerContext) -> Result<Self> {
        Ok(Overlap { min_letters: config.min_letters })
    }
}

impl Reranker for Overlap {
    fn score(&self, query: &str, documents: &[&str]) -> Result<Vec<f32>> {
        let wanted = self.words(query);
        let share = |document: &&str| {
            let found = self.words(document).intersection(&wanted).count();
            found as f32 / wanted.len().max(1) as f32
        };
        Ok(documents.iter().map(share).collect())
    }
}

impl Overlap {
    fn words(&self, text: &str) -> HashSet<String> {
        let words = text.split(|letter: char| !letter.is_alphanumeric());
        words.filter(|word| !word.is_empty() && word.chars().count() >= self.min_letters).map(str::to_lowercase).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_with_more_of_the_words_scores_higher() {
        let reranker = Overlap { min_letters: 3 };
        let scores = reranker.score("Who wrote it in Rome?", &["Livy wrote in ROME", "in it", ""]).unwrap();
        assert_eq!(scores, [2.0 / 3.0, 0.0, 0.0]);
        assert_eq!(reranker.score("", &["a"]).unwrap(), [0.0]);
    }
}
