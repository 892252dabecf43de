//! Documents cut into chunks.

use std::ops::Range;

use serde::Serialize;

use super::config::{self, ChunkUnit, Chunking};
use super::document::RawDocument;
use super::skipping::Documents;
use crate::data::records::with_title;
use crate::error::Result;
use crate::support::hub;
use crate::text::{self, TextError};

/// A chunk: a document or a part of a long one, the unit of retrieval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chunk {
    /// The document's id, and if documents are cut, `#` and the number of the chunk in its
    /// document: `12#0`, `12#1`, ...
    pub id: String,
    /// The text, without white space around it; the document's title stands before it, if the
    /// configuration says so.
    pub text: String,
    /// Which bytes of the document's text the chunk is made of. The ranges of a document's chunks
    /// cover its text.
    #[serde(skip)]
    pub range: Range<usize>,
}

/// Cuts documents into chunks.
pub struct Chunker(Option<Cutter>);

/// How documents are cut.
struct Cutter {
    size: usize,
    stride: usize,
    title: bool,
    /// The tokenizer; without it, words are counted.
    tokenizer: Option<tokenizers::Tokenizer>,
}

impl Chunker {
    /// A chunker as a configuration says; without one, documents stay whole, with their titles. A
    /// tokenizer that is not a local directory's comes from the hub or its cache.
    ///
    /// # Errors
    /// If the tokenizer cannot be had or read.
    pub fn new(config: Option<&Chunking>) -> Result<Self> {
        let Some(config) = config else { return Ok(Chunker(None)) };
        let tokenizer = match (config.unit, &config.tokenizer) {
            (ChunkUnit::Tokens, Some(name)) => Some(read_tokenizer(name)?),
            _ => None,
        };
        Ok(Chunker(Some(Cutter { size: config.size(), stride: config.stride(), title: config.title, tokenizer })))
    }

    /// A chunker that counts words, whatever the configuration says.
    #[must_use]
    pub fn words(config: &Chunking) -> Self {
        Chunker(Some(Cutter { size: config.size(), stride: config.stride(), title: config.title, tokenizer: None }))
    }

    /// The chunks of a document, in its order. A blank document has none, unless its title stands
    /// in each chunk.
    ///
    /// # Errors
    /// [`TextError::Encode`] if the tokenizer has no token for a part of the text.
    pub fn chunks(&self, document: &RawDocument) -> std::result::Result<Vec<Chunk>, TextError> {
        let RawDocument { id, title, text } = document;
        let Some(cutter) = &self.0 else {
            return Ok(vec![Chunk { id: id.clone(), text: document.titled(), range: 0..text.len() }]);
        };
        let title = if cutter.title { title.as_str() } else { "" };
        let atoms = match &cutter.tokenizer {
            Some(tokenizer) => tokens(tokenizer, text)?,
            None => words(text),
        };
        let ranges = if atoms.is_empty() && !title.trim().is_empty() {
            std::iter::once(0..text.len()).collect()
        } else {
            windows(&atoms, text.len(), cutter.size, cutter.stride)
        };
        let chunk = |(index, range): (usize, Range<usize>)| {
            let text = with_title(title, text.get(range.clone()).unwrap_or_default().trim()).trim_end().to_owned();
            Chunk { id: format!("{id}#{index}"), text, range }
        };
        Ok(ranges.into_iter().enumerate().map(chunk).collect())
    }
}

fn read_tokenizer(name: &str) -> Result<tokenizers::Tokenizer> {
    let path = hub::HubSettings::from_environment().tokenizer(name)?;
    let failed = |error: tokenizers::Error| TextError::Tokenizer { path: path.clone(), message: error.to_string() };
    let mut tokenizer = text::parsed(&path)?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(failed)?;
    Ok(tokenizer)
}

/// An indivisible piece: its start in the text and its length in units.
type Atom = (usize, usize);

/// Words, each with the white space after it; the first begins where the text does.
fn words(text: &str) -> Vec<Atom> {
    let mut atoms = Vec::new();
    let mut inside = false;
    for (at, letter) in text.char_indices() {
        if !inside && !letter.is_whitespace() {
            atoms.push((at, 1));
        }
        inside = !letter.is_whitespace();
    }
    from_the_beginning(atoms)
}

/// Tokens; those that are parts of one character stay together.
fn tokens(tokenizer: &tokenizers::Tokenizer, text: &str) -> std::result::Result<Vec<Atom>, TextError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let encoding = tokenizer.encode(text, false).map_err(|error| TextError::Encode(error.to_string()))?;
    let mut atoms: Vec<Atom> = Vec::new();
    for &(start, _) in encoding.get_offsets() {
        match atoms.last_mut() {
            Some((last, count)) if start <= *last || !text.is_char_boundary(start) => *count += 1,
            _ => atoms.push((start, 1)),
        }
    }
    // A normaliser may remove all there is.
    if atoms.is_empty() {
        atoms.push((0, 1));
    }
    Ok(from_the_beginning(atoms))
}

fn from_the_beginning(mut atoms: Vec<Atom>) -> Vec<Atom> {
    if let Some(first) = atoms.first_mut() {
        first.0 = 0;
    }
    atoms
}

/// The ranges of chunks of at most `size`, each beginning at most `stride` after the one before; an
/// atom that counts more stands alone.
fn windows(atoms: &[Atom], length: usize, size: usize, stride: usize) -> Vec<Range<usize>> {
    // The first atom that no longer fits behind `begin`.
    let reach = |begin: usize, most: usize| {
        let mut count = 0;
        let mut fits = |&(_, weight): &Atom| {
            count += weight;
            count <= most
        };
        (begin + atoms[begin..].iter().take_while(|atom| fits(atom)).count()).max(begin + 1)
    };
    let at = |index: usize| atoms.get(index).map_or(length, |(start, _)| *start);
    let mut ranges = Vec::new();
    let mut begin = 0;
    while begin < atoms.len() {
        let end = reach(begin, size);
        // Before an atom that counts more than is left, a window may hold nothing new.
        if ranges.last().is_none_or(|last: &Range<usize>| last.end < at(end)) {
            ranges.push(at(begin)..at(end));
        }
        if end == atoms.len() {
            break;
        }
        begin = reach(begin, stride.min(size));
    }
    ranges
}

/// The chunks of all documents of a corpus, one document at a time.
pub struct Chunks {
    corpus: Documents,
    chunker: Chunker,
    ready: std::vec::IntoIter<Chunk>,
}

impl Chunks {
    /// Opens the corpus that a configuration names.
    ///
    /// # Errors
    /// If its files are not there, or the tokenizer cannot be had.
    pub fn open(config: &config::CorpusConfig) -> Result<Self> {
        let chunker = Chunker::new(config.chunking.as_ref())?;
        Ok(Chunks { corpus: Documents::open(config)?, chunker, ready: Vec::new().into_iter() })
    }
}

impl Iterator for Chunks {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(chunk) = self.ready.next() {
                return Some(Ok(chunk));
            }
            match self.corpus.next()? {
                Ok(document) => match self.chunker.chunks(&document) {
                    Ok(chunks) => self.ready = chunks.into_iter(),
                    Err(error) => return Some(Err(error.into())),
                },
                Err(error) => return Some(Err(error.into())),
            }
        }
    }
}
