//! The model's own tokenizer.

use std::path::Path;

use scaledown_sdk::component::caught;
use scaledown_sdk::files::{FileKind, read_bytes};
use scaledown_sdk::nn::TokenBatch;
use scaledown_sdk::{Error, Result};
use tokenizers::{Tokenizer, TruncationParams};

/// Reads `tokenizer.json` of a model's directory; texts are cut to `most` tokens, specials
/// included.
pub(crate) fn open(directory: &Path, most: usize) -> Result<Tokenizer> {
    let path = directory.join("tokenizer.json");
    let message = |error: String| Error::Config(format!("cannot read the tokenizer {}: {error}", path.display()));
    let failed = |error: tokenizers::Error| message(error.to_string());
    let bytes = read_bytes(&path, FileKind::Tokenizer).map_err(|error| message(error.to_string()))?;
    let mut tokenizer = caught(|| Tokenizer::from_bytes(&bytes)).map_err(message)?.map_err(failed)?;
    tokenizer.with_padding(None);
    let truncation = TruncationParams { max_length: most, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(failed)?;
    Ok(tokenizer)
}

/// The tokens of each text.
pub(crate) fn encode(tokenizer: &Tokenizer, texts: &[&str]) -> Result<TokenBatch> {
    let failed = |error| Error::Input(format!("the tokenizer failed: {error}"));
    let encodings = tokenizer.encode_batch_fast(texts.to_vec(), true).map_err(failed)?;
    Ok(TokenBatch {
        ids: encodings.iter().map(|encoding| encoding.get_ids().to_vec()).collect(),
        types: encodings.iter().map(|encoding| encoding.get_type_ids().to_vec()).collect(),
    })
}

/// The ids of the special tokens, ascending.
pub(crate) fn special_ids(tokenizer: &Tokenizer) -> Vec<u32> {
    let added = tokenizer.get_added_tokens_decoder();
    let mut ids: Vec<u32> = added.iter().filter(|(_, token)| token.special).map(|(&id, _)| id).collect();
    ids.sort_unstable();
    ids
}
