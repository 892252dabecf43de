//! Retrievers that break a promise.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use scaledown_conformance::ConformanceReport;
use scaledown_conformance::retriever::{RetrieverSubject, check};
use scaledown_sdk::component::{Document, Hit, Retriever};
use scaledown_sdk::{Error, Result};

use crate::{assert_found, assert_passes};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Not a fault: a failed addition keeps what it has read, and says so.
    KeepsWhatWasRead,
    TiesByInsertion,
    KeepsReplaced,
    FirstOfAStreamCounts,
    HalfAFailedAddition,
    LosesAllInAFailedAddition,
    WritesWhileItReads,
    SwallowsErrors,
    LockedAfterAFailure,
    ForgetsWhenClosed,
    CutsBeforeItSorts,
    PanicsBeyondTheCorpus,
    ReversesAnswers,
    PanicsOnEmptyQueries,
    TrimsIds,
    CountsDifferentIds,
    StartsAnew,
    Alternates,
    RefusesEmptyDocuments,
    FailsItsVerification,
    ScoresAlike,
    KeepsTheFirstThousand,
    PanicsWithoutAnIndex,
    AddsTwice,
}

/// Documents by the share of their words that are the query's.
struct Words {
    fault: Fault,
    file: PathBuf,
    documents: Vec<(String, String)>,
    locked: bool,
    searches: AtomicUsize,
}

impl Words {
    fn open(fault: Fault, directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(|error| Error::io(directory, error))?;
        let file = directory.join("documents.json");
        let documents = std::fs::read(&file).map(|text| serde_json::from_slice(&text).unwrap()).unwrap_or_default();
        Ok(Words { fault, file, documents, locked: false, searches: AtomicUsize::new(0) })
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// Writes the file whole or not at all.
    fn write(&self, documents: &[(String, String)]) {
        let partial = self.file.with_extension("partial");
        std::fs::write(&partial, serde_json::to_vec(documents).unwrap()).unwrap();
        std::fs::rename(partial, &self.file).unwrap();
    }

    fn put(&self, documents: &mut Vec<(String, String)>, new: Document, seen: &mut BTreeSet<String>) {
        let id = if self.is(Fault::TrimsIds) { new.id.trim_end_matches(|c: char| !c.is_ascii()).to_owned() } else { new.id };
        let first = seen.insert(id.clone());
        let known = documents.iter().position(|(known, _)| *known == id);
        match known {
            Some(_) if self.is(Fault::FirstOfAStreamCounts) && !first => {}
            Some(_) if self.is(Fault::KeepsReplaced) => {}
            Some(at) if !self.is(Fault::AddsTwice) => documents[at].1 = new.text,
            _ if self.is(Fault::KeepsTheFirstThousand) && documents.len() == 1000 => {}
            _ => documents.push((id, new.text)),
        }
    }

    fn score(&self, query: &BTreeSet<String>, text: &str) -> f32 {
        let words = words(text);
        let common = words.intersection(query).count();
        if self.is(Fault::ScoresAlike) && common > 0 { 1.0 } else { common as f32 / (1 + words.len()) as f32 }
    }

    fn one(&self, query: &str, k: usize, odd: bool) -> Vec<Hit> {
        assert!(!self.is(Fault::PanicsOnEmptyQueries) || !query.is_empty(), "an empty query");
        let query = words(query);
        let scored = self.documents.iter().map(|(id, text)| Hit { id: id.clone(), score: self.score(&query, text) });
        let mut hits: Vec<Hit> = scored.filter(|hit| hit.score > 0.0).collect();
        if self.is(Fault::CutsBeforeItSorts) {
            hits.truncate(k);
        }
        hits.sort_by(|a, b| {
            let ties = if self.is(Fault::TiesByInsertion) { std::cmp::Ordering::Equal } else { a.id.cmp(&b.id) };
            b.score.total_cmp(&a.score).then(if odd { ties.reverse() } else { ties })
        });
        if self.is(Fault::PanicsBeyondTheCorpus) && k > self.documents.len() {
            return hits[..k].to_vec();
        }
        hits.truncate(k);
        hits
    }
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

impl Retriever for Words {
    fn index(&mut self, stream: &mut dyn Iterator<Item = Result<Document>>) -> Result<u64> {
        if self.locked {
            return Err(Error::Input("the index is locked".into()));
        }
        let mut documents = if self.is(Fault::StartsAnew) { Vec::new() } else { self.documents.clone() };
        let (mut seen, mut read) = (BTreeSet::new(), 0);
        for document in stream {
            match document {
                Err(_) if self.is(Fault::SwallowsErrors) => break,
                Err(error) => {
                    match self.fault {
                        Fault::HalfAFailedAddition | Fault::KeepsWhatWasRead => self.documents = documents,
                        Fault::LosesAllInAFailedAddition => self.documents.clear(),
                        Fault::LockedAfterAFailure => self.locked = true,
                        _ => {}
                    }
                    self.write(&self.documents);
                    return Err(error);
                }
                Ok(document) if self.is(Fault::RefusesEmptyDocuments) && document.text.is_empty() => {
                    return Err(Error::Input(format!("{} has no text", document.id)));
                }
                Ok(document) => self.put(&mut documents, document, &mut seen),
            }
            read += 1;
            if self.is(Fault::WritesWhileItReads) {
                self.write(&documents);
            }
        }
        self.documents = documents;
        if !self.is(Fault::ForgetsWhenClosed) {
            self.write(&self.documents);
        }
        Ok(if self.is(Fault::CountsDifferentIds) { seen.len() as u64 } else { read })
    }

    fn search(&self, queries: &[&str], k: usize) -> Result<Vec<Vec<Hit>>> {
        assert!(!self.is(Fault::PanicsWithoutAnIndex) || self.file.exists(), "there is no index");
        let odd = self.is(Fault::Alternates) && self.searches.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        let mut hits: Vec<Vec<Hit>> = queries.iter().map(|query| self.one(query, k, odd)).collect();
        if self.is(Fault::ReversesAnswers) {
            hits.reverse();
        }
        Ok(hits)
    }

    fn all_or_nothing(&self) -> bool {
        !matches!(self.fault, Fault::KeepsWhatWasRead | Fault::LosesAllInAFailedAddition)
    }

    fn verify(&self) -> Result<()> {
        if self.is(Fault::FailsItsVerification) { Err(Error::Input("a checksum is wrong".into())) } else { Ok(()) }
    }
}

fn report(fault: Fault) -> ConformanceReport {
    let scratch = tempfile::tempdir().unwrap();
    let open = |place: &scaledown_conformance::retriever::IndexDirectory| {
        Ok(Box::new(Words::open(fault, &place.directory)?) as Box<dyn Retriever>)
    };
    check(&RetrieverSubject { name: format!("{fault:?}"), open: &open, scratch: scratch.path() })
}

#[test]
fn a_retriever_that_keeps_its_promises_passes() {
    for fault in [Fault::None, Fault::KeepsWhatWasRead] {
        assert_passes(&report(fault));
    }
}

#[test]
fn each_fault_of_a_search_is_found() {
    for (fault, check) in [
        (Fault::ScoresAlike, "found by its own text"),
        (Fault::TiesByInsertion, "descending scores"),
        (Fault::CutsBeforeItSorts, "the best k are the first"),
        (Fault::PanicsBeyondTheCorpus, "a k beyond the corpus"),
        (Fault::PanicsOnEmptyQueries, "a text without words"),
        (Fault::ReversesAnswers, "a query among others"),
        (Fault::Alternates, "the same search"),
        (Fault::ForgetsWhenClosed, "opens the index next"),
        (Fault::TrimsIds, "any characters"),
        (Fault::KeepsTheFirstThousand, "thousands of documents"),
    ] {
        assert_found(&report(fault), &fault, check);
    }
}

#[test]
fn each_fault_of_an_addition_is_found() {
    for (fault, check) in [
        (Fault::CountsDifferentIds, "of several documents of one id"),
        (Fault::StartsAnew, "beside the older"),
        (Fault::KeepsReplaced, "replaces the older"),
        (Fault::AddsTwice, "adding the same again"),
        (Fault::FirstOfAStreamCounts, "the last counts"),
        (Fault::RefusesEmptyDocuments, "documents without text"),
        (Fault::PanicsWithoutAnIndex, "before the first document"),
        (Fault::SwallowsErrors, "returns the stream's error"),
        (Fault::HalfAFailedAddition, "leaves what the retriever promises"),
        (Fault::LosesAllInAFailedAddition, "leaves what the retriever promises"),
        (Fault::LockedAfterAFailure, "can be made after it failed"),
        (Fault::WritesWhileItReads, "a process that is killed"),
        (Fault::FailsItsVerification, "passes its own verification"),
    ] {
        assert_found(&report(fault), &fault, check);
    }
}
