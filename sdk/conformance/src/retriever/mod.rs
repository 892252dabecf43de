//! The suite of retrievers: an index in this process, one on disk and a remote service alike.
//!
//! The suite knows nothing of what a retriever finds relevant. It compares documents with *twins*:
//! documents of the same text that are never changed. Whatever a query asks, a document has the
//! score of its twin, or neither is found. So a document that was replaced, or was to be, is known
//! by the twin that it follows.

mod adding;
mod corpus;
mod failing;
mod search;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use scaledown_sdk::Result;
use scaledown_sdk::component::{Document, Hit, Retriever};

use crate::report::ConformanceReport;

/// Where a retriever keeps what it is given.
#[derive(Clone, Debug)]
pub struct IndexDirectory {
    /// The directory of an index in this process. It does not exist before the first time.
    pub directory: PathBuf,
    /// A name for a service, such as that of a collection: letters, digits and `_`.
    pub name: String,
}

/// The subject of the checks.
pub struct RetrieverSubject<'a> {
    /// Its name in the report.
    pub name: String,
    /// Creates the retriever for a directory, which is empty at first.
    pub open: &'a dyn Fn(&IndexDirectory) -> Result<Box<dyn Retriever>>,
    /// A directory that files may be written in.
    pub scratch: &'a Path,
}

/// Runs the suite.
#[must_use]
pub fn check(subject: &RetrieverSubject<'_>) -> ConformanceReport {
    let mut report = ConformanceReport::new(subject.name.clone());
    report.run("a document is found by its own text, and documents of other texts have other scores", || search::finds(subject));
    report.run("hits stand in the order of descending scores, equal ones in that of ascending ids", || search::order(subject));
    report.run("the best k are the first of the best of a greater k", || search::prefix(subject));
    report.run("a k beyond the corpus gives each document at most once", || search::beyond(subject));
    report.run("no queries, a k of 0, and a text without words are answered", || search::empty(subject));
    report.run("a query among others is answered as alone, and in the order of queries", || search::batch(subject));
    report.run("the same search gives the same hits, also from several threads", || search::again(subject));
    report.run("who opens the index next finds the same", || search::reopened(subject));
    report.run("ids and texts of any characters come back as they are", || search::characters(subject));
    report.run("thousands of documents with equal scores are ordered alike", || search::thousands(subject));
    report.run("adding reads the stream to its end, and returns the number of documents", || adding::counts(subject));
    report.run("an added document stands beside the older ones", || adding::beside(subject));
    report.run("a document of a known id replaces the older", || adding::replaces(subject));
    report.run("of several documents of one id in a stream the last counts", || adding::last_counts(subject));
    report.run("adding the same again changes nothing", || adding::again(subject));
    report.run("documents without text, and a stream without documents, are accepted", || adding::empty(subject));
    report.run("a search before the first document is an error or finds nothing", || failing::nothing_yet(subject));
    report.run("an addition that fails returns the stream's error", || failing::error(subject));
    report.run("an addition that fails leaves what the retriever promises", || failing::left(subject));
    report.run("the same addition can be made after it failed", || failing::repeated(subject));
    report.run("a process that is killed while it adds leaves the index as it was", || failing::killed(subject));
    report.run("an index that is whole passes its own verification", || failing::verified(subject));
    report
}

impl RetrieverSubject<'_> {
    /// A place that nothing was kept at yet.
    fn place(&self) -> IndexDirectory {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("conformance_{}_{now}_{number}", std::process::id());
        IndexDirectory { directory: self.scratch.join(&name), name }
    }

    /// A retriever of these documents.
    fn with(&self, documents: &[Document]) -> Result<(IndexDirectory, Box<dyn Retriever>)> {
        let place = self.place();
        let mut retriever = (self.open)(&place)?;
        add(&mut *retriever, documents)?;
        Ok((place, retriever))
    }
}

/// Adds documents.
fn add(retriever: &mut dyn Retriever, documents: &[Document]) -> Result<u64> {
    retriever.index(&mut documents.iter().cloned().map(Ok))
}

/// The hits of one query.
fn search(retriever: &dyn Retriever, query: &str, k: usize) -> Result<Vec<Hit>> {
    Ok(retriever.search(&[query], k)?.into_iter().next().unwrap_or_default())
}

/// Hits for a message.
fn shown(hits: &[Hit]) -> String {
    let shown = hits.iter().take(8).map(|hit| format!("{:?} {}", hit.id, hit.score)).collect::<Vec<_>>().join(", ");
    if hits.len() > 8 { format!("{shown} and {} more", hits.len() - 8) } else { format!("[{shown}]") }
}
