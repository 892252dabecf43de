//! The documents that are searched.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::data::config::OnError;
use crate::plugins::Component;

/// The documents that are searched: what they are read from, and how long ones are cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Corpus {
    /// How the documents are stored, where the host reads them itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<CorpusFormat>,
    /// In place of `format`, the plugin that reads the documents, with keys of its own; `scaledown plugin list` shows what there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The file, compressed (.gz, .zst) or not. A directory stands for all files in it that have the format's ending, in the order of their
    /// names; `files` needs a directory.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(with = "String", extend("format" = "file-or-directory"))]
    pub path: PathBuf,
    /// What the parts of a document are called (jsonl, parquet).
    #[serde(default, skip_serializing_if = "is_default")]
    pub fields: CorpusFields,
    /// Whether the headings of sections stay in the text (kilt).
    #[serde(default, skip_serializing_if = "is_default")]
    pub section_titles: bool,
    /// How long documents are cut into chunks; if not set, documents stay whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunking: Option<Chunking>,
    /// What becomes of a document that cannot be read: it ends the run, or it is left out, counted and told by file and line.
    #[serde(default = "stop", skip_serializing_if = "is_stop")]
    #[schemars(extend("operational" = true))]
    pub on_error: OnError,
    /// The plugin's own configuration.
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

/// The keys of `[corpus]` that are the host's, whatever reads the documents.
pub const HOST_KEYS: [&str; 4] = ["format", "plugin", "chunking", "on_error"];

impl Corpus {
    /// A corpus in one of the formats that the host reads itself.
    #[must_use]
    pub fn of(format: CorpusFormat, path: PathBuf) -> Self {
        Corpus {
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
    /// MS MARCO's collections, lines parted by tabs: `id text` (passages) or `id url title text` (documents).
    Msmarco,
    /// KILT's knowledge source, JSON Lines: `wikipedia_id`, `wikipedia_title` and `text`, a list of paragraphs.
    Kilt,
    /// Parquet, whose columns are named by `fields`.
    Parquet,
    /// A directory of .txt and .md files, those of its directories included; each is a document, and its path is the document's id.
    Files,
}

/// The names of a document's parts. A dot leads into a nested object or column: `meta.title`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CorpusFields {
    /// The id, a string or a number. If not set: `id` or `_id` where there is one, else the file's name and the line or row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub id: Option<String>,
    /// The title. If not set: `title` where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub title: Option<String>,
    /// The text, a string or a list of paragraphs. If not set: `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub text: Option<String>,
}

/// How documents are cut into chunks. Chunk 0 of document `D` is called `D#0`, the next one `D#1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chunking {
    /// What is counted.
    #[serde(default)]
    pub unit: ChunkUnit,
    /// The most words or tokens of the text in a chunk; if not set, 100 words or 128 tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub size: Option<usize>,
    /// From the beginning of one chunk to that of the next, in the same unit; less than `size` makes chunks overlap. If not set, they do
    /// not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub stride: Option<usize>,
    /// The model whose tokenizer counts tokens: a hub id, or a directory with a `tokenizer.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), extend("format" = "tokenizer"))]
    pub tokenizer: Option<String>,
    /// Whether the document's title stands before the text of each chunk, on top of `size`.
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

/// What the length of a chunk is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChunkUnit {
    /// Words, parted by white space.
    #[default]
    Words,
    /// Tokens of `tokenizer`.
    Tokens,
}

impl Chunking {
    /// The most units of text in a chunk.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size.unwrap_or(match self.unit {
            ChunkUnit::Words => 100,
            ChunkUnit::Tokens => 128,
        })
    }

    /// The units from the beginning of a chunk to that of the next.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride.unwrap_or_else(|| self.size())
    }

    /// The keys of this table that are allowed each but not together, with what is wrong.
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
