//! The documents of all files of a corpus, one after the other.

use std::path::{Path, PathBuf};

use scaledown_sdk::Error as SdkError;
use scaledown_sdk::component::CorpusDocument as PluginDocument;

use super::config::{self, CorpusFormat};
use super::{document::RawDocument, files, json, kilt, table, tsv};
use crate::data::records::{DataError, plain_name};
use crate::plugins::{Component, registry};

/// The documents of one file.
pub(super) type DocumentIter = Box<dyn Iterator<Item = Result<RawDocument, DataError>>>;

/// Opens one file of a corpus.
type Open = Box<dyn Fn(&Path) -> Result<DocumentIter, DataError>>;

/// The documents of a corpus, in the order of its files. After a document that cannot be read the
/// next one comes; after a file that cannot be read any further, the next file.
pub struct CorpusReader {
    files: Box<dyn Iterator<Item = Result<PathBuf, DataError>>>,
    open: Open,
    current: Option<DocumentIter>,
}

impl CorpusReader {
    /// Opens the corpus that a configuration names. Its files are opened when their turn comes.
    ///
    /// # Errors
    /// If the path is not there or no file of the format is in it.
    pub fn open(config: &config::CorpusConfig) -> Result<Self, DataError> {
        if let Some(component) = config.component() {
            let documents = of_plugin(&component)?;
            return Ok(CorpusReader { files: Box::new(std::iter::empty()), open: Box::new(tsv::open), current: Some(documents) });
        }
        let format = config.format.unwrap_or(CorpusFormat::Jsonl);
        let (fields, sections) = (config.fields.clone(), config.section_titles);
        let root = config.path.clone();
        let open: Open = match format {
            CorpusFormat::Beir => Box::new(json::open_beir),
            CorpusFormat::Jsonl => Box::new(move |path: &Path| json::open(path, &fields)),
            CorpusFormat::Msmarco => Box::new(tsv::open),
            CorpusFormat::Kilt => Box::new(move |path: &Path| kilt::open(path, sections)),
            CorpusFormat::Parquet => Box::new(move |path: &Path| table::open(path, &fields)),
            CorpusFormat::Files => Box::new(move |path: &Path| files::open(&root, path)),
        };
        let files: Box<dyn Iterator<Item = Result<PathBuf, DataError>>> = match format {
            CorpusFormat::Files => Box::new(files::walk(&config.path)?),
            format => Box::new(parts(&config.path, format)?.into_iter().map(Ok)),
        };
        Ok(CorpusReader { files, open, current: None })
    }
}

impl Iterator for CorpusReader {
    type Item = Result<RawDocument, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(document) = self.current.as_mut().and_then(Iterator::next) {
                return Some(document);
            }
            match self.files.next()?.and_then(|path| (self.open)(&path)) {
                Ok(documents) => self.current = Some(documents),
                Err(error) => {
                    self.current = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The documents that a plugin reads.
fn of_plugin(component: &Component) -> Result<DocumentIter, DataError> {
    let whole = |message: String| DataError::Plugin { message, goes_on: false };
    let corpus = registry::corpus(component).map_err(|error| whole(error.sentence()))?;
    let documents = corpus.documents().map_err(|error| whole(error.to_string()))?;
    Ok(Box::new(documents.map(move |document| match document {
        Ok(PluginDocument { id, title, text }) => Ok(RawDocument { id, title, text }),
        Err(SdkError::Input(message)) => Err(DataError::Plugin { message, goes_on: true }),
        Err(error) => Err(whole(error.to_string())),
    })))
}

/// The file itself, or the files of a directory that the format may be stored in.
fn parts(path: &Path, format: CorpusFormat) -> Result<Vec<PathBuf>, DataError> {
    if !std::fs::metadata(path).map_err(DataError::io(path))?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let belongs = |file: &Path| match format {
        // Beside BEIR's corpus lie its queries, in a like file.
        CorpusFormat::Beir => plain_name(file).file_name().is_some_and(|name| name == "corpus.jsonl"),
        CorpusFormat::Parquet => file.extension().is_some_and(|ending| ending == "parquet"),
        CorpusFormat::Msmarco => plain_name(file).extension().is_some_and(|ending| ending == "tsv"),
        _ => plain_name(file).extension().is_some_and(|ending| ending == "jsonl" || ending == "json"),
    };
    let mut files = files::entries(path)?;
    files.retain(|file| belongs(file) && file.is_file());
    if files.is_empty() {
        let expected = match format {
            CorpusFormat::Beir => "corpus.jsonl",
            CorpusFormat::Parquet => "*.parquet",
            CorpusFormat::Msmarco => "*.tsv",
            _ => "*.jsonl or *.json",
        };
        return Err(DataError::Content {
            path: path.to_owned(),
            place: "the directory".into(),
            message: format!("contains no corpus files; expected {expected}, compressed or not"),
        });
    }
    Ok(files)
}
