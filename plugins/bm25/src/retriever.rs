//! The retriever.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use scaledown_sdk::component::{Document, Hit, Retriever, RetrieverContext, RetrieverPlugin, caught};
use scaledown_sdk::{Error, Result};
use tantivy::collector::TopDocs;
use tantivy::directory::error::OpenReadError;
use tantivy::query::{BooleanQuery, BoostQuery, EnableScoring, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value};
use tantivy::{DocAddress, DocSet, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, TantivyError, Term};

use crate::Bm25Config;
use crate::directory::IndexDirectory;

/// How far two sums of one document's weights may lie apart, relative to the sum: the library adds
/// them in an order that depends on how many documents are asked for.
const ROUNDING: f32 = 1e-5;

/// The maximum words of a question for which skipping documents pays off.
const FEW: usize = 64;

/// An index of words, on disk.
pub struct Bm25 {
    config: Bm25Config,
    directory: PathBuf,
    schema: Schema,
    id: Field,
    text: Field,
    /// `None` before the first documents.
    opened: Option<Opened>,
    /// Whether the warning about texts without words was shown.
    warned: AtomicBool,
}

struct Opened {
    index: Index,
    /// The reader, created on demand, so that files can be verified before the library trusts them.
    reader: OnceLock<IndexReader>,
}

impl RetrieverPlugin for Bm25 {
    type Config = Bm25Config;

    fn build(config: Bm25Config, context: RetrieverContext) -> Result<Self> {
        if !(16..=4000).contains(&config.memory) {
            return Err(Error::Config(format!("retriever.memory is {} MiB, expected 16 to 4000", config.memory)));
        }
        let mut schema = Schema::builder();
        let id = schema.add_text_field("id", STRING | STORED);
        let words = TextFieldIndexing::default()
            .set_tokenizer(&config.language.analyser_name())
            .set_index_option(IndexRecordOption::WithFreqs);
        let text = schema.add_text_field("text", TextOptions::default().set_indexing_options(words));
        let mut retriever = Bm25 {
            config,
            directory: context.directory,
            schema: schema.build(),
            id,
            text,
            opened: None,
            warned: AtomicBool::new(false),
        };
        let there = |directory: &Path| Ok(directory.is_dir() && Index::exists(&IndexDirectory::open(directory)?)?);
        if retriever.guarded(|| there(&retriever.directory))? {
            retriever.opened = Some(retriever.open()?);
        }
        Ok(retriever)
    }
}

impl Retriever for Bm25 {
    fn index(&mut self, documents: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        if self.opened.is_none() {
            std::fs::create_dir_all(&self.directory).map_err(|error| Error::io(&self.directory, error))?;
            self.opened = Some(self.open()?);
        }
        let opened = self.opened()?;
        let mut writer: IndexWriter = self.guarded(|| opened.index.writer_with_num_threads(1, self.config.memory << 20))?;
        let there = self.reader()?.searcher();
        // The hashes of this call's ids: a deletion takes the library a kilobyte until it commits,
        // so only what may be there is deleted.
        let (mut seen, hasher) = (HashSet::new(), RandomState::new());
        let mut read = 0;
        for document in documents {
            let Document { id, text } = document?;
            if self.config.language.is_blind_to(&text) {
                self.warn("document", &id);
            }
            let name = Term::from_field_text(self.id, &id);
            if !seen.insert(hasher.hash_one(&id)) || self.guarded(|| there.doc_freq(&name))? > 0 {
                writer.delete_term(name);
            }
            let mut added = TantivyDocument::default();
            added.add_text(self.id, id);
            added.add_text(self.text, text);
            writer.add_document(added).map_err(|error| self.reported(&error))?;
            read += 1;
        }
        writer.commit().map_err(|error| self.reported(&error))?;
        // All are found from here on. Merging makes searches faster and takes nothing away where it
        // fails.
        let _ = writer.wait_merging_threads();
        let reader = self.reader()?;
        self.guarded(|| reader.reload())?;
        Ok(read)
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        let searcher = self.reader()?.searcher();
        if let Some(query) = queries.iter().find(|query| self.config.language.is_blind_to(query)) {
            self.warn("query", query);
        }
        queries.par_iter().map(|query| self.caught(|| self.search_one(&searcher, query, k))).collect()
    }

    fn all_or_nothing(&self) -> bool {
        true
    }

    fn verify(&self) -> Result<()> {
        let index = &self.opened()?.index;
        let damaged = self.guarded(|| index.validate_checksum())?;
        if let Some(path) = damaged.into_iter().min() {
            return Err(self.damaged(&format!("the checksum of {} is wrong", path.display())));
        }
        Ok(())
    }
}

impl Bm25 {
    /// Opens the index of the directory; makes it where there is none.
    fn open(&self) -> Result<Opened> {
        let open = || {
            let index = match Index::open_or_create(IndexDirectory::open(&self.directory)?, self.schema.clone()) {
                Err(TantivyError::SchemaError(_)) => return Ok(None),
                opened => opened?,
            };
            index.tokenizers().register(&self.config.language.analyser_name(), self.config.language.analyser());
            Ok(Some(Opened { index, reader: OnceLock::new() }))
        };
        self.guarded(open)?.ok_or_else(|| {
            Error::Config(format!(
                "{}: the index was built by another version or with another retriever.language; choose another directory, or rebuild the index with `scaledown index build --overwrite`",
                self.directory.display()
            ))
        })
    }

    fn opened(&self) -> Result<&Opened> {
        self.opened.as_ref().ok_or_else(|| {
            Error::Input(format!("{} contains no index; build one with `scaledown index build`", self.directory.display()))
        })
    }

    fn reader(&self) -> Result<&IndexReader> {
        let Opened { index, reader } = self.opened()?;
        if let Some(reader) = reader.get() {
            return Ok(reader);
        }
        let made = self.guarded(|| index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into())?;
        Ok(reader.get_or_init(|| made))
    }

    /// Says once that the analysis of the configured language sees no words in a text.
    fn warn(&self, what: &str, text: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            let (start, language) = (text.chars().take(40).collect::<String>(), self.config.language);
            tracing::warn!(
                "bm25: the {what} {start:?} has a script without spaces between words, which retriever.language = \"{}\" does not index; set it to \"any\" and rebuild the index",
                format!("{language:?}").to_lowercase()
            );
        }
    }

    /// The best `k` documents; those of one score stand in the order of their ids.
    fn search_one(&self, searcher: &Searcher, query: &str, k: usize) -> Result<Vec<Hit>> {
        let words = self.words(query);
        let documents = usize::try_from(searcher.num_docs()).unwrap_or(usize::MAX);
        let k = k.min(documents);
        if k == 0 {
            return Ok(Vec::new());
        }
        let any = any_of(&words);
        // Where documents stand in the index depends on its history; more of them are taken until
        // all of the last score are there.
        let mut limit = k + 1;
        let found = loop {
            let found =
                searcher.search(&any, &TopDocs::with_limit(limit).order_by_score()).map_err(|error| self.reported(&error))?;
            let tied = found.len() == limit && found[limit - 1].0 >= found[k - 1].0 * (1.0 - ROUNDING);
            if !tied || limit >= documents {
                break found;
            }
            limit = limit.saturating_mul(2).min(documents);
        };
        let scores = scores(searcher, &words, found.into_iter().map(|(_, address)| address).collect());
        let scored = scores.map_err(|error| self.reported(&error))?.into_iter();
        let hits = scored.map(|(score, address)| Ok(Hit { id: self.id_of(searcher, address)?, score }));
        let mut hits = hits.collect::<Result<Vec<_>>>()?;
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        hits.truncate(k);
        Ok(hits)
    }

    /// The distinct words of the query, with their counts.
    fn words(&self, query: &str) -> Vec<(Term, f32)> {
        let mut words: BTreeMap<String, f32> = BTreeMap::new();
        self.config.language.analyser().token_stream(query).process(&mut |token| {
            *words.entry(token.text.clone()).or_default() += 1.0;
        });
        words.into_iter().map(|(word, times)| (Term::from_field_text(self.text, &word), times)).collect()
    }

    fn id_of(&self, searcher: &Searcher, address: DocAddress) -> Result<String> {
        let document: TantivyDocument = searcher.doc(address).map_err(|error| self.reported(&error))?;
        let id = document.get_first(self.id).and_then(|value| value.as_str());
        id.map(str::to_owned).ok_or_else(|| self.damaged("a document has no id"))
    }

    /// Reads the index. The library takes its files at their word, and panics where a damaged one
    /// leads it to a place that is not there.
    fn caught<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T> {
        caught(read).unwrap_or_else(|panic| Err(self.damaged(&panic)))
    }

    fn guarded<T>(&self, access: impl FnOnce() -> tantivy::Result<T>) -> Result<T> {
        self.caught(|| access().map_err(|error| self.reported(&error)))
    }

    fn damaged(&self, what: &str) -> Error {
        Error::Input(format!(
            "{}: the index is damaged: {what}; rebuild it with `scaledown index build --overwrite`",
            self.directory.display()
        ))
    }

    fn reported(&self, error: &TantivyError) -> Error {
        let damaged = match error {
            // The operating system's errors do not mean damaged files; the library's errors about
            // their content do.
            TantivyError::IoError(error) | TantivyError::OpenReadError(OpenReadError::IoError { io_error: error, .. }) => {
                error.raw_os_error().is_none()
                    && matches!(
                        error.kind(),
                        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof | ErrorKind::Other
                    )
            }
            TantivyError::OpenWriteError(_)
            | TantivyError::OpenDirectoryError(_)
            | TantivyError::LockFailure(..)
            | TantivyError::SystemError(_)
            | TantivyError::ErrorInThread(_)
            | TantivyError::Poisoned => false,
            _ => true,
        };
        if damaged {
            return self.damaged(&error.to_string().replace('\n', " "));
        }
        Error::Plugin { plugin: "bm25".into(), message: format!("{}: {error}", self.directory.display()) }
    }
}

/// The documents that have any of the words; one that comes several times in the question counts as
/// often.
fn any_of(words: &[(Term, f32)]) -> BooleanQuery {
    let word = |(word, times): &(Term, f32)| {
        let term = TermQuery::new(word.clone(), IndexRecordOption::WithFreqs);
        let query: Box<dyn Query> = if *times > 1.0 { Box::new(BoostQuery::new(Box::new(term), *times)) } else { Box::new(term) };
        (Occur::Should, query)
    };
    let any = BooleanQuery::new(words.iter().map(word).collect());
    // Of few words the library skips the documents that cannot be among the best, at a cost that
    // grows with the square of their number. Of many it adds up all that have one, as it does where
    // they stand within another question.
    if words.len() > FEW { BooleanQuery::new(vec![(Occur::Should, Box::new(any))]) } else { any }
}

/// The score of each document: the sum of its weights in the order of the words, so that documents
/// of one text have one score.
fn scores(searcher: &Searcher, words: &[(Term, f32)], mut found: Vec<DocAddress>) -> tantivy::Result<Vec<(f32, DocAddress)>> {
    found.sort_unstable();
    let mut scored: Vec<(f32, DocAddress)> = found.into_iter().map(|address| (0.0, address)).collect();
    for (word, times) in words {
        let query = TermQuery::new(word.clone(), IndexRecordOption::WithFreqs);
        let weight = query.weight(EnableScoring::enabled_from_searcher(searcher))?;
        for segment in scored.chunk_by_mut(|a, b| a.1.segment_ord == b.1.segment_ord) {
            let Some(first) = segment.first() else { continue };
            let mut postings = weight.scorer(searcher.segment_reader(first.1.segment_ord), *times)?;
            for (score, address) in segment {
                // Postings only go forwards, and documents are in their order.
                let at = if postings.doc() < address.doc_id { postings.seek(address.doc_id) } else { postings.doc() };
                if at == address.doc_id {
                    *score += postings.score();
                }
            }
        }
    }
    Ok(scored)
}
