//! The suite of corpora: a pass over the documents, and another.

use std::collections::BTreeSet;

use scaledown_sdk::Result;
use scaledown_sdk::component::{Corpus, CorpusDocument};

use crate::report::{Checked, ConformanceReport, ensure};

/// The most documents that a check reads.
const MOST: usize = 10_000;

/// What is checked.
pub struct CorpusSubject<'a> {
    /// What the report calls it.
    pub name: String,
    /// Opens the corpus.
    pub build: &'a dyn Fn() -> Result<Box<dyn Corpus>>,
}

/// Runs the suite.
#[must_use]
pub fn check(subject: &CorpusSubject<'_>) -> ConformanceReport {
    let mut report = ConformanceReport::new(subject.name.clone());
    report.run("there are documents, and each has an id of its own", || ids(subject));
    report.run("a second pass gives the same documents in the same order", || again(subject));
    report.run("two passes side by side do not disturb each other", || side_by_side(subject));
    report.run("after its end a pass gives nothing", || ended(subject));
    report
}

/// What a pass gives: documents, and reasons why one cannot be read.
fn pass(corpus: &dyn Corpus) -> Checked<Vec<std::result::Result<CorpusDocument, String>>> {
    Ok(corpus.documents()?.take(MOST).map(|document| document.map_err(|error| error.to_string())).collect())
}

fn ids(subject: &CorpusSubject<'_>) -> Checked {
    let corpus = (subject.build)()?;
    let documents: Vec<CorpusDocument> = pass(&*corpus)?.into_iter().flatten().collect();
    ensure(!documents.is_empty(), "the number of documents", "at least 1", 0)?;
    let mut seen = BTreeSet::new();
    for document in &documents {
        ensure(!document.id.is_empty(), "an id", "a text that is not empty", "an empty one")?;
        ensure(seen.insert(&document.id), "ids", "each once", format!("{} twice", document.id))?;
    }
    Ok(())
}

fn again(subject: &CorpusSubject<'_>) -> Checked {
    let corpus = (subject.build)()?;
    let (first, second) = (pass(&*corpus)?, pass(&*corpus)?);
    ensure(first == second, "the second pass", "what the first gave", "something else")?;
    let other = pass(&*(subject.build)()?)?;
    ensure(first == other, "a pass over a corpus that is opened again", "what the first gave", "something else")
}

fn side_by_side(subject: &CorpusSubject<'_>) -> Checked {
    let corpus = (subject.build)()?;
    let alone = pass(&*corpus)?;
    let (mut first, mut second) = (corpus.documents()?, corpus.documents()?);
    for (place, expected) in alone.iter().enumerate().take(100) {
        for pass in [&mut first, &mut second] {
            let found = pass.next().map(|document| document.map_err(|error| error.to_string()));
            ensure(found.as_ref() == Some(expected), format!("document {}", place + 1), "that of a pass alone", "another")?;
        }
    }
    Ok(())
}

fn ended(subject: &CorpusSubject<'_>) -> Checked {
    let corpus = (subject.build)()?;
    let mut documents = corpus.documents()?;
    if documents.by_ref().take(MOST).count() == MOST {
        return Ok(());
    }
    ensure(documents.next().is_none(), "what comes after the end", "nothing", "a document")
}
