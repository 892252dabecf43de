//! A model's tokenizer, read from its Hugging Face directory.

use std::path::{Path, PathBuf};

use scaledown_sdk::component::caught;
use scaledown_sdk::files::{FileKind, read_bytes};
use serde_json::Value;

use super::ChatTemplate;

/// What can go wrong between text and token ids.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// A tokenizer's file is missing or malformed.
    #[error("cannot read the tokenizer {path}: {message}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// The problem.
        message: String,
    },
    /// A text could not be encoded or decoded.
    #[error("the tokenizer failed: {0}")]
    Encode(String),
    /// A template is malformed or names what does not exist.
    #[error("the {what} cannot be rendered: {message}")]
    Template {
        /// `prompt` or `chat template`.
        what: &'static str,
        /// The template engine's words.
        message: String,
    },
    /// A prompt template leaves something out.
    #[error("the prompt's text must contain {{{{ {0} }}}} exactly once")]
    Placeholder(&'static str),
}

impl crate::error::Cause for TextError {}

/// A tokenizer with what a generator needs to know of its special tokens.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    directory: PathBuf,
    end_ids: Vec<u32>,
    chat: Option<ChatTemplate>,
}

/// A tokenized and truncated document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Its token ids.
    pub ids: Vec<u32>,
    /// Whether there were more.
    pub is_cut: bool,
}

impl Tokenizer {
    /// A checksum of how it makes tokens of texts, whatever its file looks like.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn checksum(&self) -> Result<u32, TextError> {
        let text = self.inner.to_string(false).map_err(|error| TextError::Encode(error.to_string()))?;
        Ok(crc32fast::hash(text.as_bytes()))
    }

    /// Reads `tokenizer.json`, and from `tokenizer_config.json`, `generation_config.json` and
    /// `config.json` what they say of special tokens and the chat template.
    ///
    /// # Errors
    /// If `tokenizer.json` is missing or malformed, or no token is known to end an answer.
    pub fn from_directory(directory: &Path) -> Result<Self, TextError> {
        let path = directory.join("tokenizer.json");
        let failed = |message: String| TextError::Tokenizer { path: path.clone(), message };
        let mut inner = parsed(&path)?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| failed(error.to_string()))?;
        let [tokenizer_config, generation_config, config] =
            ["tokenizer_config.json", "generation_config.json", "config.json"].map(|name| read_json(&directory.join(name)));
        let (tokenizer_config, generation_config, config) = (tokenizer_config?, generation_config?, config?);
        let named = token_text(&tokenizer_config["eos_token"]).and_then(|token| inner.token_to_id(&token));
        let mut end_ids: Vec<u32> =
            [&generation_config, &config].iter().flat_map(|json| ids(&json["eos_token_id"])).chain(named).collect();
        end_ids.sort_unstable();
        end_ids.dedup();
        // The id that answers are trained to end with comes first: the tokenizer's own.
        if let Some(position) = named.and_then(|id| end_ids.iter().position(|&other| other == id)) {
            end_ids[..=position].rotate_right(1);
        }
        if end_ids.is_empty() {
            return Err(failed("neither tokenizer_config.json nor config.json names an end-of-sequence token".into()));
        }
        let chat = ChatTemplate::from_directory(directory, &tokenizer_config)?;
        Ok(Tokenizer { inner, directory: directory.to_owned(), end_ids, chat })
    }

    /// The ids of `text`, special tokens written in it recognised and none added.
    ///
    /// # Errors
    /// [`TextError::Encode`] if the tokenizer has no token for a part of the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TextError> {
        let encoding = self.inner.encode_fast(text, false).map_err(|error| TextError::Encode(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The first `limit` ids of `text`.
    ///
    /// # Errors
    /// [`TextError::Encode`] if the tokenizer has no token for a part of the text.
    pub fn encode_truncated(&self, text: &str, limit: usize) -> Result<Vec<u32>, TextError> {
        let mut ids = self.encode(text)?;
        ids.truncate(limit);
        Ok(ids)
    }

    /// The first `limit` ids of a document, and whether that cuts it.
    ///
    /// # Errors
    /// [`TextError::Encode`] if the tokenizer has no token for a part of the text.
    pub fn encode_document(&self, text: &str, limit: usize) -> Result<Encoded, TextError> {
        let mut ids = self.encode(text)?;
        let is_cut = ids.len() > limit;
        ids.truncate(limit);
        Ok(Encoded { ids, is_cut })
    }

    /// The longest beginning of `text` that is at most `limit` tokens long.
    ///
    /// # Errors
    /// [`TextError::Encode`] if the tokenizer has no token for a part of the text.
    pub fn truncate<'a>(&self, text: &'a str, limit: usize) -> Result<&'a str, TextError> {
        let encoding = self.inner.encode(text, false).map_err(|error| TextError::Encode(error.to_string()))?;
        match encoding.get_offsets().get(limit) {
            Some(&(start, _)) => Ok(text.get(..start).unwrap_or(text).trim_end()),
            None => Ok(text),
        }
    }

    /// Splits `text` into consecutive pieces of at most `limit` tokens. Drops white space at the
    /// splits and blank pieces. A text of few tokens is its only piece.
    ///
    /// # Errors
    /// [`TextError::Encode`] if the tokenizer has no token for a part of the text.
    pub fn pieces<'a>(&self, text: &'a str, limit: usize) -> Result<Vec<&'a str>, TextError> {
        let encoding = self.inner.encode(text, false).map_err(|error| TextError::Encode(error.to_string()))?;
        let starts = encoding.get_offsets().iter().skip(limit).step_by(limit.max(1)).map(|&(start, _)| start);
        let mut cuts: Vec<usize> = starts.filter(|&at| text.is_char_boundary(at)).collect();
        // Some normalisers make several tokens of one character.
        cuts.sort_unstable();
        cuts.dedup();
        let (mut pieces, mut from) = (Vec::new(), 0);
        for to in cuts.into_iter().chain([text.len()]) {
            let mut rest = &text[from..to];
            from = to;
            // A separate piece may differ by a token or two from the text.
            while !rest.trim().is_empty() {
                let head = self.truncate(rest, limit)?;
                let head = if head.trim().is_empty() { rest } else { head };
                pieces.push(head);
                rest = rest[head.len()..].trim_start();
            }
        }
        Ok(pieces)
    }

    /// The text of `ids` without special tokens, with surrounding white space. Bytes that are
    /// no whole character become U+FFFD.
    ///
    /// # Errors
    /// [`TextError::Encode`] if the decoder fails.
    pub fn decode_exactly(&self, ids: &[u32]) -> Result<String, TextError> {
        self.inner.decode(ids, true).map_err(|error| TextError::Encode(error.to_string()))
    }

    /// The ids that end an answer; the first is the one that training teaches.
    #[must_use]
    pub fn end_ids(&self) -> &[u32] {
        &self.end_ids
    }

    /// The id of a token, if the vocabulary has it.
    #[must_use]
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The chat template, if the model has one.
    #[must_use]
    pub fn chat(&self) -> Option<&ChatTemplate> {
        self.chat.as_ref()
    }

    /// Where the tokenizer was read from.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// The tokenizer of a `tokenizer.json`.
///
/// # Errors
/// [`TextError::Tokenizer`] if the file cannot be read or is not a tokenizer.
pub(crate) fn parsed(path: &Path) -> Result<tokenizers::Tokenizer, TextError> {
    let failed = |message: String| TextError::Tokenizer { path: path.to_owned(), message };
    let bytes = read_bytes(path, FileKind::Tokenizer).map_err(|error| failed(error.to_string()))?;
    let parsed = caught(|| tokenizers::Tokenizer::from_bytes(&bytes)).map_err(failed)?;
    parsed.map_err(|error| failed(error.to_string()))
}

/// A JSON file, or null where there is none.
pub(super) fn read_json(path: &Path) -> Result<Value, TextError> {
    let failed = |message: String| TextError::Tokenizer { path: path.to_owned(), message };
    match read_bytes(path, FileKind::ModelConfiguration) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// The text of a special token, which is either a string or an object with its text under
/// `content`.
pub(super) fn token_text(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned)
}

/// One id or a list of them.
fn ids(value: &Value) -> Vec<u32> {
    let one = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Value::Array(values) => values.iter().filter_map(one).collect(),
        other => one(other).into_iter().collect(),
    }
}
