//! What a component exports in the roles that have to do with texts.

use super::bindings::scaledown::plugin::documents::Reader;
use super::bindings::scaledown::plugin::types::{self, Error as WitError};
use super::slot::{Slot, keys};
use crate::component::{
    CorpusContext, CorpusDocuments, CorpusPlugin, Document, PluginStorage, Question, RerankerContext, RerankerPlugin,
    RetrieverContext, RetrieverPlugin, TeacherContext, TeacherPlugin,
};
use crate::tensor::Device;
use crate::{Error, Result};

type RoleResult<T> = std::result::Result<T, WitError>;

/// Builds a retriever from a JSON object.
///
/// # Errors
/// Those of [`RetrieverPlugin::build`].
pub fn build_retriever<C: RetrieverPlugin>(slot: &Slot<C>, config: &str) -> RoleResult<()> {
    let context = || RetrieverContext { device: Device::HOST, storage: PluginStorage::of_host() };
    slot.build(|| Ok((C::build(keys(config)?, context())?, ())))
}

/// Adds documents to what a retriever searches.
///
/// # Errors
/// Those of the retriever, and of the stream.
pub fn index<C: RetrieverPlugin>(slot: &Slot<C>, reader: Reader) -> RoleResult<u64> {
    slot.call(|retriever| retriever.index(&mut Documents { reader, waiting: Vec::new().into_iter(), ended: false }))
}

/// The best documents of each query.
///
/// # Errors
/// Those of the retriever.
pub fn search<C: RetrieverPlugin>(slot: &Slot<C>, queries: &[String], k: u32) -> RoleResult<Vec<Vec<types::Hit>>> {
    let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
    let found = slot.call(|retriever| retriever.search(&queries, k as usize))?;
    Ok(found.into_iter().map(|hits| hits.into_iter().map(|hit| types::Hit { id: hit.id, score: hit.score }).collect()).collect())
}

/// What there is to say of an index.
pub fn facts<C: RetrieverPlugin>(slot: &Slot<C>) -> Vec<(String, String)> {
    slot.call(|retriever| Ok(retriever.stats())).unwrap_or_default()
}

/// The documents of a stream of the host.
struct Documents {
    reader: Reader,
    waiting: std::vec::IntoIter<types::Document>,
    ended: bool,
}

impl Iterator for Documents {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Result<Document>> {
        if let Some(types::Document { id, text }) = self.waiting.next() {
            return Some(Ok(Document { id, text }));
        }
        if self.ended {
            return None;
        }
        match self.reader.next(64) {
            Ok(documents) if documents.is_empty() => {
                self.ended = true;
                None
            }
            Ok(documents) => {
                self.waiting = documents.into_iter();
                self.next()
            }
            Err(error) => {
                self.ended = true;
                Some(Err(super::error::from_host("documents", error)))
            }
        }
    }
}

/// Builds a reranker from a JSON object.
///
/// # Errors
/// Those of [`RerankerPlugin::build`].
pub fn build_reranker<C: RerankerPlugin>(slot: &Slot<C>, config: &str) -> RoleResult<()> {
    slot.build(|| Ok((C::build(keys(config)?, RerankerContext { device: Device::HOST })?, ())))
}

/// A score of each document.
///
/// # Errors
/// Those of the reranker.
pub fn score<C: RerankerPlugin>(slot: &Slot<C>, query: &str, documents: &[String]) -> RoleResult<Vec<f32>> {
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    slot.call(|reranker| reranker.score(query, &documents))
}

/// Builds a teacher from a JSON object.
///
/// # Errors
/// Those of [`TeacherPlugin::build`].
pub fn build_teacher<C: TeacherPlugin>(slot: &Slot<C>, config: &str) -> RoleResult<()> {
    slot.build(|| Ok((C::build(keys(config)?, TeacherContext { device: Device::HOST })?, ())))
}

/// An answer to each question.
///
/// # Errors
/// Those of the teacher.
pub fn answer<C: TeacherPlugin>(slot: &Slot<C>, questions: &[types::Question]) -> RoleResult<Vec<String>> {
    let asked: Vec<Question<'_>> = questions
        .iter()
        .map(|question| Question {
            query: &question.query,
            documents: &question.documents,
            system: &question.system,
            message: &question.message,
        })
        .collect();
    slot.call(|teacher| teacher.answer(&asked))
}

/// One pass over a corpus.
pub struct Pass<C> {
    corpus: C,
    documents: Option<CorpusDocuments>,
}

// SAFETY: a component has one thread.
unsafe impl<C> Send for Pass<C> {}

/// Opens a corpus from a JSON object.
///
/// # Errors
/// Those of [`CorpusPlugin::build`].
pub fn build_corpus<C: CorpusPlugin>(slot: &Slot<Pass<C>>, config: &str) -> RoleResult<()> {
    slot.build(|| Ok((Pass { corpus: C::build(keys(config)?, CorpusContext::default())?, documents: None }, ())))
}

/// What comes next of a corpus: documents, and reasons why one cannot be read.
///
/// # Errors
/// If the corpus cannot be opened.
#[allow(clippy::type_complexity, reason = "an id, a title and a text, or a reason")]
pub fn next<C: CorpusPlugin>(
    slot: &Slot<Pass<C>>,
    most: u32,
) -> RoleResult<Vec<std::result::Result<(String, String, String), String>>> {
    slot.call(|pass| {
        let documents = match &mut pass.documents {
            Some(documents) => documents,
            none => none.insert(pass.corpus.documents()?),
        };
        let item = |item: Result<crate::component::CorpusDocument>| match item {
            Ok(document) => Ok((document.id, document.title, document.text)),
            Err(Error::Input(message) | Error::Config(message)) => Err(message),
            Err(error) => Err(error.to_string()),
        };
        Ok(documents.take(most as usize).map(item).collect())
    })
}
