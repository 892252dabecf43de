//! The keys of `[retriever]` with `plugin = "bm25"`.

/// The configuration of the `bm25` retriever.
#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bm25Config {
    /// The language of the documents and queries, which decides how words are brought to their stems and which are passed over. It cannot change
    /// once there is an index.
    pub language: Language,
    /// The memory that adding documents may take, in MiB.
    #[schemars(range(min = 16, max = 4000), extend("operational" = true))]
    pub memory: usize,
}

impl Default for Bm25Config {
    fn default() -> Self {
        Bm25Config { language: Language::English, memory: 128 }
    }
}

/// How texts become words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Words as they are, in lower case: for texts of several languages, or of one that is not here. Where a script parts no words (Chinese, Japanese,
    /// Thai, ...), every two letters are one.
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
