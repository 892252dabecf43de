//! Pairs of a query and a document as token ids.

use std::path::Path;

use scaledown_sdk::nn::TokenBatch;
use scaledown_sdk::{Error, Result};
use tokenizers::{Tokenizer, TruncationParams, TruncationStrategy};

/// A model's tokenizer, which cuts the document of a pair that is too long.
pub(crate) struct Pairs {
    tokenizer: Tokenizer,
    most: usize,
}

impl Pairs {
    /// Reads `tokenizer.json` of a model's directory, for pairs of up to `most` tokens, specials included.
    pub(crate) fn open(directory: &Path, most: usize) -> Result<Self> {
        let path = directory.join("tokenizer.json");
        let failed = |error: tokenizers::Error| Error::Config(format!("cannot read the tokenizer {}: {error}", path.display()));
        let mut tokenizer = Tokenizer::from_file(&path).map_err(failed)?;
        tokenizer.with_padding(None);
        let truncation =
            TruncationParams { max_length: most, strategy: TruncationStrategy::OnlySecond, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(failed)?;
        Ok(Pairs { tokenizer, most })
    }

    /// The number of tokens that the tokenizer knows.
    pub(crate) fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The tokens of the query with each document.
    pub(crate) fn encode(&self, query: &str, documents: &[&str]) -> Result<TokenBatch> {
        // Beside an empty document stands the query alone, with all specials of a pair. One token of a document must fit beside it.
        let alone = self.tokenizer.encode_fast((query, ""), true).map(|encoding| encoding.len());
        if !alone.as_ref().is_ok_and(|&len| len < self.most) {
            let message = format!(
                "the query {:?} leaves no room for a document among the {} tokens of a pair that the reranker reads; shorten it, or raise \
                 max_length if the model allows",
                excerpt(query),
                self.most
            );
            return Err(Error::Input(message));
        }
        let pairs: Vec<(&str, &str)> = documents.iter().map(|&document| (query, document)).collect();
        let failed = |error| Error::Input(format!("the tokenizer failed: {error}"));
        let encodings = self.tokenizer.encode_batch_fast(pairs, true).map_err(failed)?;
        Ok(TokenBatch {
            ids: encodings.iter().map(|encoding| encoding.get_ids().to_vec()).collect(),
            types: encodings.iter().map(|encoding| encoding.get_type_ids().to_vec()).collect(),
        })
    }
}

/// The start of a text, for a message.
fn excerpt(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { format!("{}...", text.chars().take(57).collect::<String>()) }
}
