//! Failing additions and their effects.

use std::path::Path;

use scaledown_sdk::component::{Document, Retriever};
use scaledown_sdk::{Error, Result};

use super::corpus::{Profile, TEXTS, document, twin, twins};
use super::{IndexDirectory, RetrieverSubject, add};
use crate::report::{CheckFailure, Checked, answered, ensure};

/// The error of the broken stream.
const BROKEN: &str = "line 24 of the corpus is no document";

/// Documents that the failing addition replaces, and new ones. They are enough that some are
/// written before the stream breaks.
const CHANGED: usize = 20;

fn changed(i: usize) -> String {
    format!("changed-{i:02}")
}

/// The twins, and the documents that are to be replaced, of their old texts.
fn before() -> Vec<Document> {
    twins().into_iter().chain((0..CHANGED).map(|i| document(changed(i), old(i)))).collect()
}

fn old(i: usize) -> usize {
    i
}

fn new(i: usize) -> usize {
    i + 3
}

/// The addition: each known document with another text, and one new document after each.
fn addition() -> Vec<Document> {
    (0..CHANGED).flat_map(|i| [document(changed(i), new(i)), document(format!("new-{i:02}"), i)]).collect()
}

/// Adds documents until the stream breaks, three quarters of the way.
fn broken(retriever: &mut dyn Retriever) -> Result<u64> {
    let documents = addition();
    let whole = documents.len() * 3 / 4;
    let error = std::iter::once_with(|| Err(Error::Input(BROKEN.into())));
    // Items after the error must not be read.
    let rest = documents[whole..].to_vec();
    retriever.index(&mut documents[..whole].iter().cloned().map(Ok).chain(error).chain(rest.into_iter().map(Ok)))
}

pub(super) fn nothing_yet(subject: &RetrieverSubject<'_>) -> Checked {
    let retriever = (subject.open)(&subject.place())?;
    if let Ok(found) = answered("a search before the first document", || retriever.search(&TEXTS[..2], 3))? {
        ensure(found.iter().all(Vec::is_empty), "a search before the first document", "no hits", format!("{found:?}"))?;
    }
    // It is whole or it is not there; what it says of it is its own.
    answered("the verification before the first document", || retriever.verify())?.ok();
    Ok(())
}

pub(super) fn error(subject: &RetrieverSubject<'_>) -> Checked {
    let (_, mut retriever) = subject.with(&before())?;
    match answered("an addition whose stream breaks", || broken(&mut *retriever))? {
        Err(error) if error.to_string().contains(BROKEN) => Ok(()),
        Err(error) => Err(CheckFailure::differs("the error of an addition whose stream breaks", BROKEN, error)),
        Ok(read) => Err(CheckFailure::differs("an addition whose stream breaks", BROKEN, format!("success, {read} documents"))),
    }
}

/// Whether each document is found as before an addition.
fn as_it_was(profile: &Profile) -> Checked {
    for text in 0..twins().len() {
        profile.expect(&twin(text), text)?;
    }
    for i in 0..CHANGED {
        profile.expect(&changed(i), old(i))?;
        profile.expect_none(&format!("new-{i:02}"))?;
    }
    Ok(())
}

/// Whether each document is found either as before or as after an addition.
fn as_it_was_or_was_to_be(profile: &Profile) -> Checked {
    for text in 0..twins().len() {
        profile.expect(&twin(text), text)?;
    }
    for i in 0..CHANGED {
        if !profile.follows(&changed(i), new(i)) {
            profile.expect(&changed(i), old(i))?;
        }
        let added = format!("new-{i:02}");
        if !profile.follows(&added, i) {
            profile.expect_none(&added)?;
        }
    }
    Ok(())
}

/// What a failed addition leaves. With [`Retriever::all_or_nothing`], everything is found as before
/// it. Without, as by services that have no transactions, what was written stays: each document is
/// found once, in its old or its new version, and [`repeated`] shows that the same addition
/// completes it.
pub(super) fn left(subject: &RetrieverSubject<'_>) -> Checked {
    let (place, mut retriever) = subject.with(&before())?;
    let at_first = Profile::of(&*retriever)?;
    as_it_was(&at_first)?;
    if broken(&mut *retriever).is_ok() {
        return Err(CheckFailure::differs("an addition whose stream breaks", "an error", "success"));
    }
    let here = Profile::of(&*retriever)?;
    let whole = retriever.all_or_nothing();
    drop(retriever);
    let elsewhere = Profile::of(&*(subject.open)(&place)?)?;
    if whole {
        here.expect_same(&at_first, "after an addition that failed")?;
        elsewhere.expect_same(&at_first, "after an addition that failed, for who opens the index next")?;
        return as_it_was(&elsewhere);
    }
    as_it_was_or_was_to_be(&here)?;
    as_it_was_or_was_to_be(&elsewhere)
}

pub(super) fn repeated(subject: &RetrieverSubject<'_>) -> Checked {
    let (_, mut retriever) = subject.with(&before())?;
    if broken(&mut *retriever).is_ok() {
        return Err(CheckFailure::differs("an addition whose stream breaks", "an error", "success"));
    }
    let documents = addition();
    let read = add(&mut *retriever, &documents)?;
    ensure(read == documents.len() as u64, "the number that was returned", documents.len(), read)?;
    let profile = Profile::of(&*retriever)?;
    for i in 0..CHANGED {
        profile.expect(&changed(i), new(i))?;
        profile.expect(&format!("new-{i:02}"), i)?;
    }
    Ok(())
}

/// What a process leaves that is killed is the files as they stand at that moment: they are copied
/// while the stream is read, once in its midst and once when it ends, and opened afterwards.
pub(super) fn killed(subject: &RetrieverSubject<'_>) -> Checked {
    let (place, mut retriever) = subject.with(&before())?;
    if !retriever.all_or_nothing() {
        return Err(CheckFailure::NotApplicable("it does not promise that additions are made wholly or not at all".into()));
    }
    if !place.directory.is_dir() {
        return Err(CheckFailure::NotApplicable("it keeps no files in the directory that it is given".into()));
    }
    let at_first = Profile::of(&*retriever)?;
    let mut copies = Vec::new();
    let mut source = addition().into_iter().enumerate();
    let mut stream = std::iter::from_fn(|| {
        let next = source.next();
        if next.as_ref().is_none_or(|(number, _)| *number == CHANGED) && copies.len() < 2 {
            let copy = subject.place();
            copies.push(copied(&place.directory, &copy.directory).map(|()| copy));
        }
        next.map(|(_, document)| Ok(document))
    });
    retriever.index(&mut stream)?;
    ensure(copies.len() == 2, "the moments at which the files were copied", 2, copies.len())?;
    for (copy, moment) in copies.into_iter().zip(["in the midst of an addition", "at the end of its stream"]) {
        let copy: IndexDirectory = copy?;
        let mut found = (subject.open)(&copy)?;
        Profile::of(&*found)?.expect_same(&at_first, &format!("after a process that was killed {moment}"))?;
        found.verify()?;
        // The addition can be repeated.
        add(&mut *found, &addition())?;
        Profile::of(&*found)?.expect(&changed(0), new(0))?;
    }
    Ok(())
}

/// Copies a directory. A temporary file that is gone by the time that its turn comes is left out.
fn copied(from: &Path, to: &Path) -> Result<()> {
    let io = |error| Error::io(from, error);
    std::fs::create_dir_all(to).map_err(io)?;
    for entry in std::fs::read_dir(from).map_err(io)? {
        let entry = entry.map_err(io)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let done = if path.is_dir() {
            copied(&path, &target)
        } else {
            std::fs::copy(&path, &target).map(drop).map_err(|error| Error::io(&path, error))
        };
        match done {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

pub(super) fn verified(subject: &RetrieverSubject<'_>) -> Checked {
    let (place, mut retriever) = subject.with(&before())?;
    retriever.verify()?;
    add(&mut *retriever, &addition())?;
    retriever.verify()?;
    let again = (subject.open)(&place)?;
    again.verify()?;
    for (name, value) in again.stats() {
        ensure(!name.is_empty() && !value.is_empty(), "what the retriever says of its index", "names and values", name)?;
    }
    Ok(())
}
