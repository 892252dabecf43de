//! The keys of `[retriever]` with `plugin = "bm25"`.

/// The configuration of the `bm25` retriever.
#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bm25Config {
    /// The language of documents and queries. Selects stemmer and stop words. Fixed once an index
    /// exists.
    pub language: Language,
    /// Memory limit for indexing, in MiB.
    #[schemars(range(min = 16, max = 4000), extend("operational" = true))]
    pub memory: usize,
}

impl Default for Bm25Config {
    fn default() -> Self {
        Bm25Config { language: Language::English, memory: 128 }
    }
}

/// Text analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Lower-cased words without stemming, for several or other languages. Scripts without spaces
    /// between words (Chinese, Japanese, Thai, ...) are indexed as bigrams.
    Any,
    /// Dutch.
    Dutch,
    /// English.
    English,
    /// French.
    French,
    /// German.
    German,
    /// Italian.
    Italian,
    /// Portuguese.
    Portuguese,
    /// Spanish.
    Spanish,
}
