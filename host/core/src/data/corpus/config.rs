//! The documents to search.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::data::config::OnError;
use crate::plugins::Component;

/// The documents to search: their source and chunking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CorpusConfig {
    /// How the documents are stored, if the host reads them itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<CorpusFormat>,
    /// The plugin that reads the documents instead, with keys of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The file, may be compressed (.gz, .zst); or a directory, whose files of the format are read
    /// in name order. `files` needs a directory.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(with = "String", extend("format" = "file-or-directory"))]
    pub path: PathBuf,
    /// Field names of documents (jsonl, parquet).
    #[serde(default, skip_serializing_if = "is_default")]
    pub fields: CorpusFields,
    /// Keeps section headings in the text (kilt).
    #[serde(default, skip_serializing_if = "is_default")]
    pub section_titles: bool,
    /// How documents are split into chunks. Default: whole documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunking: Option<Chunking>,
    /// How to treat an unreadable document. `skip` warns with file and line.
    #[serde(default = "stop", skip_serializing_if = "is_stop")]
    #[schemars(extend("operational" = true))]
    pub on_error: OnError,
    /// The plugin's own configuration.
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

/// The keys of `[corpus]` that are the host's, whatever reads the documents.
pub const HOST_KEYS: [&str; 4] = ["format", "plugin", "chunking", "on_error"];

impl CorpusConfig {
    /// A corpus in one of the formats that the host reads itself.
    #[must_use]
    pub fn of(format: CorpusFormat, path: PathBuf) -> Self {
        CorpusConfig {
            format: Some(format),
            plugin: None,
            path,
            fields: CorpusFields::default(),
            section_titles: false,
            chunking: None,
            on_error: OnError::Stop,
            options: Map::new(),
        }
    }

    /// The plugin that reads the documents, with its own keys, if one does.
    #[must_use]
    pub fn component(&self) -> Option<Component> {
        let plugin = self.plugin.clone()?;
        let mut options = match serde_json::to_value(self) {
            Ok(Value::Object(keys)) => keys,
            _ => Map::new(),
        };
        options.retain(|key, _| !HOST_KEYS.contains(&key.as_str()));
        Some(Component { plugin, options })
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn stop() -> OnError {
    OnError::Stop
}

fn is_stop(on_error: &OnError) -> bool {
    *on_error == OnError::Stop
}

/// How documents are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CorpusFormat {
    /// BEIR's `corpus.jsonl`, or a directory with it: objects with `_id`, `title` and `text`.
    Beir,
    /// JSON Lines, or one JSON array, of objects whose fields are named by `fields`.
    Jsonl,
    /// MS MARCO's collections, tab-separated: `id text` (passages) or `id url title text`
    /// (documents).
    Msmarco,
    /// KILT's knowledge source, JSON Lines: `wikipedia_id`, `wikipedia_title` and `text`, a list of
    /// paragraphs.
    Kilt,
    /// Parquet, whose columns are named by `fields`.
    Parquet,
    /// A directory of .txt and .md files, searched recursively. Each file is a document; its path
    /// is the id.
    Files,
}

/// Field names of a document. A dot selects a nested field: `meta.title`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CorpusFields {
    /// The id, a string or number. Default: `id` or `_id` if present, else file name and line or
    /// row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub id: Option<String>,
    /// The title. Default: `title` if present.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub title: Option<String>,
    /// The text, a string or a list of paragraphs. Default: `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub text: Option<String>,
}

/// How documents are split into chunks. The chunks of document `D` are `D#0`, `D#1` and so on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chunking {
    /// The unit of `size` and `stride`.
    #[serde(default)]
    pub unit: ChunkUnit,
    /// Maximum chunk length. Default: 100 words or 128 tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub size: Option<usize>,
    /// Distance between chunk starts, in the same unit. A stride below `size` makes chunks overlap.
    /// Default: `size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub stride: Option<usize>,
    /// The model whose tokenizer counts tokens: a hub id or a directory with `tokenizer.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), extend("format" = "tokenizer"))]
    pub tokenizer: Option<String>,
    /// Prefixes each chunk with the document's title, not counted in `size`.
    #[serde(default = "yes")]
    pub title: bool,
}

impl Default for Chunking {
    fn default() -> Self {
        Chunking { unit: ChunkUnit::Words, size: None, stride: None, tokenizer: None, title: yes() }
    }
}

fn yes() -> bool {
    true
}

/// The unit of chunk lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChunkUnit {
    /// Words, separated by white space.
    #[default]
    Words,
    /// Tokens of `tokenizer`.
    Tokens,
}

impl Chunking {
    /// The maximum units of text in a chunk.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size.unwrap_or(match self.unit {
            ChunkUnit::Words => 100,
            ChunkUnit::Tokens => 128,
        })
    }

    /// The units between chunk starts.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride.unwrap_or_else(|| self.size())
    }

    /// Combinations of keys that are not allowed, each with a message.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.stride() > self.size() {
            let message =
                format!("found {}, expected at most the size, {}: text would be lost between chunks", self.stride(), self.size());
            problems.push(("stride", message));
        }
        match (self.unit, &self.tokenizer) {
            (ChunkUnit::Tokens, None) => {
                let message = "is missing; `unit = \"tokens\"` needs the model whose tokenizer counts them".to_owned();
                problems.push(("tokenizer", message));
            }
            (ChunkUnit::Words, Some(_)) => {
                problems.push(("tokenizer", "words need no tokenizer; remove it, or set `unit = \"tokens\"`".to_owned()));
            }
            _ => {}
        }
        problems
    }
}
