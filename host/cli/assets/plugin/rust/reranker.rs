//! A reranker: the share of the query's words that a document has.

use scaledown_sdk::Result;
use scaledown_sdk::component::{Reranker, RerankerContext, RerankerPlugin};

scaledown_sdk::reranker!({{type}}, "{{name}}", "Scores a document by the share of the query's words that it has.");

/// The keys of `[reranker]` with `plugin = "{{name}}"`.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What a document gets beside the share of words.
    #[serde(default)]
    pub bonus: f32,
}

/// The reranker.
pub struct {{type}}(Config);

impl RerankerPlugin for {{type}} {
    type Config = Config;

    fn build(config: Config, _context: RerankerContext) -> Result<Self> {
        Ok({{type}}(config))
    }
}

impl Reranker for {{type}} {
    fn score(&self, query: &str, documents: &[&str]) -> Result<Vec<f32>> {
        let words: Vec<&str> = query.split_whitespace().collect();
        let share = |document: &&str| {
            let found = words.iter().filter(|word| document.split_whitespace().any(|other| other == **word)).count();
            self.0.bonus + found as f32 / words.len().max(1) as f32
        };
        Ok(documents.iter().map(share).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_with_all_words_gets_one() {
        let scores = {{type}}(Config { bonus: 0.0 }).score("one two", &["two one", "one", ""]).unwrap();
        assert_eq!(scores, [1.0, 0.5, 0.0]);
    }
}
