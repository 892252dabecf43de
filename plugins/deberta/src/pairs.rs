//! Pairs of a query and a document as token ids.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use scaledown_sdk::component::caught;
use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_sdk::nn::TokenBatch;
use scaledown_sdk::{Error, Result};
use tokenizers::{Tokenizer, TruncationParams, TruncationStrategy};

/// A model's tokenizer, which cuts the document of a pair that is too long, and where the query
/// leaves no room for one, the longer of the two until both fit, as `transformers` does
/// (`longest_first`).
pub(crate) struct Pairs {
    tokenizer: Tokenizer,
    /// The same for queries that leave no room, made when there is one.
    longest_first: OnceLock<Tokenizer>,
    most: usize,
    warned: AtomicBool,
}

impl Pairs {
    /// Reads `tokenizer.json` of a model's directory, for pairs of up to `most` tokens, specials
    /// included.
    pub(crate) fn open(directory: &Path, most: usize) -> Result<Self> {
        let path = directory.join("tokenizer.json");
        let message = |error: String| Error::Config(format!("cannot read the tokenizer {}: {error}", path.display()));
        let failed = |error: tokenizers::Error| message(error.to_string());
        let bytes = read_bytes(&path, FileKind::Tokenizer).map_err(|error| message(error.to_string()))?;
        let mut tokenizer = caught(|| Tokenizer::from_bytes(&bytes)).map_err(message)?.map_err(failed)?;
        tokenizer.with_padding(None);
        let truncation =
            TruncationParams { max_length: most, strategy: TruncationStrategy::OnlySecond, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(failed)?;
        Ok(Pairs { tokenizer, longest_first: OnceLock::new(), most, warned: AtomicBool::new(false) })
    }

    /// The number of tokens that the tokenizer knows.
    pub(crate) fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The tokens of the query with each document.
    pub(crate) fn encode(&self, query: &str, documents: &[&str]) -> Result<TokenBatch> {
        // Beside an empty document stands the query alone, with all specials of a pair. One token
        // of a document must fit beside it.
        let alone = self.tokenizer.encode_fast((query, ""), true).map(|encoding| encoding.len());
        let fits = alone.as_ref().is_ok_and(|&len| len < self.most);
        let tokenizer = if fits { &self.tokenizer } else { self.for_long(query) };
        let pairs: Vec<(&str, &str)> = documents.iter().map(|&document| (query, document)).collect();
        let failed = |error| Error::Input(format!("the tokenizer failed: {error}"));
        let encodings = tokenizer.encode_batch_fast(pairs, true).map_err(failed)?;
        Ok(TokenBatch {
            ids: encodings.iter().map(|encoding| encoding.get_ids().to_vec()).collect(),
            types: encodings.iter().map(|encoding| encoding.get_type_ids().to_vec()).collect(),
        })
    }
}

impl Pairs {
    /// The tokenizer of a query that leaves no room for a document. The first such query is
    /// reported.
    fn for_long(&self, query: &str) -> &Tokenizer {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the query {:?} leaves no room for a document within max_length = {} tokens; such queries are truncated; raise max_length if the model allows it",
                excerpt(query),
                self.most
            );
        }
        self.longest_first.get_or_init(|| {
            let mut tokenizer = self.tokenizer.clone();
            if let Some(truncation) = tokenizer.get_truncation_mut() {
                truncation.strategy = TruncationStrategy::LongestFirst;
            }
            tokenizer
        })
    }
}

/// The start of a text, for a message.
fn excerpt(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { format!("{}...", text.chars().take(57).collect::<String>()) }
}
