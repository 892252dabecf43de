//! The formats that the host reads itself, as corpora like those of plugins: `plugin = "jsonl"` is
//! what `format = "jsonl"` is.

use std::path::PathBuf;

use scaledown_sdk::component::{
    Corpus as CorpusTrait, CorpusContext, CorpusDocument, CorpusDocuments, CorpusPlugin, Registration, inventory,
};
use scaledown_sdk::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

use super::config::{self, CorpusFields, CorpusFormat};
use super::document::RawDocument;
use super::stream::CorpusReader;
use crate::data::records::DataError;

/// The keys of a format: those of `[corpus]` with `format` that have to do with files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// The file, compressed (.gz, .zst) or not, or a directory of such files.
    #[schemars(with = "String", extend("format" = "file-or-directory"))]
    path: PathBuf,
    /// What the parts of a document are called (jsonl, parquet).
    #[serde(default)]
    fields: CorpusFields,
    /// Whether the headings of sections stay in the text (kilt).
    #[serde(default)]
    section_titles: bool,
}

/// A corpus in one of the formats.
struct Stored(config::CorpusConfig);

impl CorpusTrait for Stored {
    fn documents(&self) -> Result<CorpusDocuments> {
        let plain = |RawDocument { id, title, text }: RawDocument| CorpusDocument { id, title, text };
        let documents = CorpusReader::open(&self.0).map_err(|error| component_error(&error))?;
        Ok(Box::new(documents.map(move |document| document.map(plain).map_err(|error| component_error(&error)))))
    }
}

/// An error as a stream of documents has it: an input that is at fault alone, or one after which
/// nothing comes.
fn component_error(error: &DataError) -> Error {
    let message = error.to_string();
    if error.can_go_on() { Error::Input(message) } else { Error::Config(message) }
}

/// A type for each format, since a plugin is one.
macro_rules! formats {
    ($($format:ident $name:literal $description:literal)*) => { $(
        struct $format(Stored);

        impl CorpusTrait for $format {
            fn documents(&self) -> Result<CorpusDocuments> {
                self.0.documents()
            }
        }

        impl CorpusPlugin for $format {
            type Config = Keys;

            fn build(keys: Keys, _context: CorpusContext) -> Result<Self> {
                let Keys { path, fields, section_titles } = keys;
                Ok($format(Stored(config::CorpusConfig { fields, section_titles, ..config::CorpusConfig::of(CorpusFormat::$format, path) })))
            }
        }

        inventory::submit! { Registration::corpus::<$format>($name, $description) }
    )* };
}

formats! {
    Beir "beir" "BEIR's corpus.jsonl."
    Jsonl "jsonl" "JSON Lines, or one JSON array."
    Msmarco "msmarco" "MS MARCO's collections, tab-separated lines."
    Kilt "kilt" "KILT's knowledge source."
    Parquet "parquet" "Parquet tables."
    Files "files" "A directory of .txt and .md files."
}
