//! What a component may ask of the host. What needs a permission is an error that says which, where
//! it is not granted.

use super::bindings::scaledown::plugin as host;
use super::error::from_host;
use crate::Result;
use crate::component::{Hit, Question};

/// How grave a message is.
pub use host::log::Level;

/// Writes a message that the user reads under the plugin's name.
pub fn log(level: Level, message: &str) {
    host::log::write(level, message);
}

/// Says how far long work is, and returns whether the user has asked to stop.
pub fn report(what: &str, done: u64, total: Option<u64>) -> bool {
    host::progress::report(what, done, total)
}

/// The next of the random numbers that a run repeats.
#[must_use]
pub fn random() -> u64 {
    host::random::next()
}

/// The value of an environment variable; nothing if it is not set. Needs the permission `env`.
///
/// # Errors
/// If it is not granted.
pub fn variable(name: &str) -> Result<Option<String>> {
    host::config::variable(name).map_err(|error| from_host("environment", error))
}

/// Nanoseconds since 1970. Needs the permission `clock`.
///
/// # Errors
/// If it is not granted.
pub fn now() -> Result<u64> {
    host::clock::now().map_err(|error| from_host("clock", error))
}

/// The names of the components that this one may call.
#[must_use]
pub fn components() -> Vec<String> {
    host::components::names()
}

/// The best `k` documents of each query, as another retriever of the configuration finds them.
/// Needs the permission `components`.
///
/// # Errors
/// Those of that retriever; or if it is not granted.
pub fn search(component: &str, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
    let queries: Vec<String> = queries.iter().map(|&query| query.to_owned()).collect();
    let found = host::components::search(component, &queries, u32::try_from(k).unwrap_or(u32::MAX));
    let found = found.map_err(|error| from_host("components", error))?;
    let hit = |hit: host::types::Hit| Hit { id: hit.id, score: hit.score };
    Ok(found.into_iter().map(|hits| hits.into_iter().map(hit).collect()).collect())
}

/// A score of each document by another reranker of the configuration. Needs the permission
/// `components`.
///
/// # Errors
/// Those of that reranker; or if it is not granted.
pub fn score(component: &str, query: &str, documents: &[&str]) -> Result<Vec<f32>> {
    let documents: Vec<String> = documents.iter().map(|&text| text.to_owned()).collect();
    host::components::score(component, query, &documents).map_err(|error| from_host("components", error))
}

/// An answer to each question by another teacher of the configuration. Needs the permission
/// `components`.
///
/// # Errors
/// Those of that teacher; or if it is not granted.
pub fn answer(component: &str, questions: &[Question<'_>]) -> Result<Vec<String>> {
    let question = |question: &Question<'_>| host::types::Question {
        query: question.query.to_owned(),
        documents: question.documents.to_vec(),
        system: question.system.to_owned(),
        message: question.message.to_owned(),
    };
    let questions: Vec<host::types::Question> = questions.iter().map(question).collect();
    host::components::answer(component, &questions).map_err(|error| from_host("components", error))
}

/// The length of a file in bytes. Needs the permission `read`.
pub(crate) fn file_length(path: &str) -> Result<u64> {
    host::files::length(path).map_err(|error| from_host("files", error))
}

/// At most `most` bytes of a file. Needs the permission `read`.
pub(crate) fn read_file(path: &str, offset: u64, most: u32) -> Result<Vec<u8>> {
    host::files::read(path, offset, most).map_err(|error| from_host("files", error))
}

/// The names in a directory. Needs the permission `read`.
pub(crate) fn names_in(directory: &str) -> Result<Vec<String>> {
    host::files::names(directory).map_err(|error| from_host("files", error))
}

/// Writes a file whole. Needs the permission `write`.
///
/// # Errors
/// If it cannot be written, or is not granted.
pub fn write_file(path: &str, content: &[u8]) -> Result<()> {
    host::files::write(path, content).map_err(|error| from_host("files", error))
}

/// An answer of a service.
pub use host::http::Response;

/// Asks a service. Needs the permission `http`.
///
/// # Errors
/// If it does not answer, or is not granted.
pub fn send(method: &str, url: &str, headers: &[(String, String)], body: &[u8]) -> Result<Response> {
    host::http::send(method, url, headers, body).map_err(|error| from_host("http", error))
}

/// The tokenizer of a model.
pub struct HostTokenizer(host::tokenizer::Tokenizer);

impl HostTokenizer {
    /// Opens the tokenizer of a model that one of the component's keys names.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(model: &str) -> Result<Self> {
        host::tokenizer::Tokenizer::open(model).map(HostTokenizer).map_err(|error| from_host("tokenizer", error))
    }

    /// The tokens of a text.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.0.encode(text).map_err(|error| from_host("tokenizer", error))
    }

    /// The text of tokens, without special ones.
    ///
    /// # Errors
    /// If an id is none of the tokenizer's.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.0.decode(ids).map_err(|error| from_host("tokenizer", error))
    }
}
