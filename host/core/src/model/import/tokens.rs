//! A tokenizer with the tokens that a checkpoint adds to it.

use std::path::{Path, PathBuf};

use scaledown_sdk::files::{FileKind, read_bytes};
use serde_json::{Value, json};

use super::ImportError;

/// The files of a tokenizer in a model's directory.
pub(super) const FILES: [&str; 6] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
    "added_tokens.json",
];

/// A tokenizer's directory, with more tokens.
pub(super) struct ImportedTokens {
    directory: PathBuf,
    json: Value,
    /// The number of tokens, those added included.
    pub(super) count: usize,
}

impl ImportedTokens {
    /// The tokenizer in `directory`, with the special tokens `added` after its own; those that it
    /// has are not added again.
    ///
    /// # Errors
    /// If there is no `tokenizer.json`, or it is malformed.
    pub(super) fn open(directory: &Path, added: &[String]) -> Result<Self, ImportError> {
        let path = directory.join("tokenizer.json");
        let failed = |message: String| ImportError::Tokenizer { path: path.clone(), message };
        let bytes = read_bytes(&path, FileKind::Tokenizer).map_err(|error| failed(error.to_string()))?;
        let json: Value = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        let mut tokens = ImportedTokens { directory: directory.to_owned(), json, count: 0 };
        tokens.count = tokens.greatest_id().map_or(0, |id| id.saturating_add(1));
        for content in added {
            if tokens.id(content).is_none() {
                let token = json!({"id": tokens.count, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true});
                let list = tokens.json.get_mut("added_tokens").and_then(Value::as_array_mut);
                list.ok_or_else(|| failed("it has no `added_tokens`, expected a list".into()))?.push(token);
                tokens.count = tokens.count.saturating_add(1);
            }
        }
        Ok(tokens)
    }

    /// The id of a token.
    pub(super) fn id(&self, content: &str) -> Option<usize> {
        let added = self.json["added_tokens"].as_array().into_iter().flatten().find(|token| token["content"] == content);
        let id = match added {
            Some(token) => token["id"].as_u64(),
            None => self.json["model"]["vocab"].get(content).and_then(Value::as_u64),
        };
        id.and_then(|id| usize::try_from(id).ok())
    }

    /// The id of a token that has to be there.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn required(&self, content: &str) -> Result<u32, ImportError> {
        let id = self.id(content).and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| ImportError::Tokenizer {
            path: self.directory.join("tokenizer.json"),
            message: format!("it has no token {content}"),
        })
    }

    /// The ids of the tokens that begin and end a text, as `tokenizer_config.json` or `config.json`
    /// names them.
    pub(super) fn special(&self, name: &str) -> Option<u32> {
        let read = |file: &str| -> Option<Value> {
            serde_json::from_slice(&read_bytes(&self.directory.join(file), FileKind::ModelConfiguration).ok()?).ok()
        };
        let named = read("tokenizer_config.json").and_then(|config| {
            let token = &config[format!("{name}_token")];
            let content = token.as_str().or(token["content"].as_str())?.to_owned();
            u32::try_from(self.id(&content)?).ok()
        });
        named.or_else(|| {
            let config = read("config.json")?;
            let id = &config[format!("{name}_token_id")];
            u32::try_from(id.as_u64().or(id[0].as_u64())?).ok()
        })
    }

    /// Writes the tokenizer's files into `target`.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub(super) fn write(&self, target: &Path) -> scaledown_sdk::Result<()> {
        for name in FILES {
            let (from, to) = (self.directory.join(name), target.join(name));
            if name == "tokenizer.json" {
                write_file(&to, self.json.to_string().as_bytes())?;
            } else if from.is_file() && name != "added_tokens.json" {
                let bytes = read_bytes(&from, FileKind::Tokenizer).map_err(|error| scaledown_sdk::Error::io(&from, error))?;
                write_file(&to, &bytes)?;
            }
        }
        Ok(())
    }

    fn greatest_id(&self) -> Option<usize> {
        let vocabulary = &self.json["model"]["vocab"];
        let named = vocabulary.as_object().into_iter().flat_map(|tokens| tokens.values().filter_map(Value::as_u64)).max();
        // A unigram model's vocabulary is a list, whose places are the ids.
        let listed = vocabulary.as_array().and_then(|tokens| (tokens.len() as u64).checked_sub(1));
        let added = self.json["added_tokens"].as_array().into_iter().flatten().filter_map(|token| token["id"].as_u64()).max();
        [named, listed, added].into_iter().flatten().max().and_then(|id| usize::try_from(id).ok())
    }
}

/// Writes a file.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> scaledown_sdk::Result<()> {
    std::fs::write(path, bytes).map_err(|error| scaledown_sdk::Error::io(path, error))
}
