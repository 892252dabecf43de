//! Adding documents.

use scaledown_sdk::component::Document;

use super::corpus::{Profile, corpus, document, twin, twins};
use super::{RetrieverSubject, add};
use crate::report::{CheckFailure, Checked, ensure};

pub(super) fn counts(subject: &RetrieverSubject<'_>) -> Checked {
    let mut retriever = (subject.open)(&subject.place())?;
    let documents = corpus(20);
    let mut given = 0;
    let mut ended = 0;
    let mut source = documents.iter().cloned();
    let mut stream = std::iter::from_fn(|| {
        let next = source.next();
        given += usize::from(next.is_some());
        ended += usize::from(next.is_none());
        next.map(Ok)
    });
    let returned = retriever.index(&mut stream)?;
    ensure(given == documents.len(), "the documents that were read", documents.len(), given)?;
    ensure(ended > 0, "the stream", "read to its end", "not asked for more than the last document")?;
    ensure(returned == documents.len() as u64, "the number that was returned", documents.len(), returned)
}

pub(super) fn beside(subject: &RetrieverSubject<'_>) -> Checked {
    let (_, mut retriever) = subject.with(&twins())?;
    add(&mut *retriever, &[document("new-a", 2), document("new-b", 5)])?;
    let profile = Profile::of(&*retriever)?;
    profile.expect("new-a", 2)?;
    profile.expect("new-b", 5)?;
    (0..twins().len()).try_for_each(|text| profile.expect(&twin(text), text))
}

/// Two texts that the retriever tells apart.
fn two_texts(profile: &Profile) -> Checked<(usize, usize)> {
    let pairs = (0..twins().len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let mut apart = pairs.filter(|&(a, b)| !profile.follows(&twin(a), b));
    apart
        .next()
        .ok_or_else(|| CheckFailure::differs("the scores of documents of different texts", "different ones", "the same for all"))
}

pub(super) fn replaces(subject: &RetrieverSubject<'_>) -> Checked {
    let (place, mut retriever) = subject.with(&twins())?;
    let (old, new) = two_texts(&Profile::of(&*retriever)?)?;
    add(&mut *retriever, &[document("changing", old), document("staying", old)])?;
    Profile::of(&*retriever)?.expect("changing", old)?;
    add(&mut *retriever, &[document("changing", new)])?;
    let mut profile = Profile::of(&*retriever)?;
    for _ in 0..2 {
        profile.expect("changing", new)?;
        profile.expect("staying", old)?;
        ensure(!profile.follows("changing", old), "the document that was replaced", "found no more", "found by its old text")?;
        // And so for who opens the index next.
        profile = Profile::of(&*(subject.open)(&place)?)?;
    }
    // A document without text is found no more, and may be given one again.
    let emptied = Document { id: "changing".into(), text: String::new() };
    add(&mut *retriever, &[emptied])?;
    let profile = Profile::of(&*retriever)?;
    ensure(!profile.follows("changing", new), "the document whose text was taken away", "not found by it", "found by it")?;
    add(&mut *retriever, &[document("changing", old)])?;
    Profile::of(&*retriever)?.expect("changing", old)
}

pub(super) fn last_counts(subject: &RetrieverSubject<'_>) -> Checked {
    let (_, mut retriever) = subject.with(&twins())?;
    let (first, last) = two_texts(&Profile::of(&*retriever)?)?;
    // One after the other, and with enough between them that they are written apart.
    let mut documents = vec![document("near", first), document("near", last), document("far", first)];
    documents.extend((0..60).map(|i| document(format!("between-{i}"), i)));
    documents.push(document("far", last));
    let read = add(&mut *retriever, &documents)?;
    ensure(read == documents.len() as u64, "the number that was returned", documents.len(), read)?;
    let profile = Profile::of(&*retriever)?;
    profile.expect("near", last)?;
    profile.expect("far", last)
}

pub(super) fn again(subject: &RetrieverSubject<'_>) -> Checked {
    let documents = corpus(20);
    let (_, mut retriever) = subject.with(&documents)?;
    let before = Profile::of(&*retriever)?.ids().into_iter().map(str::to_owned).collect::<Vec<_>>();
    add(&mut *retriever, &documents)?;
    let profile = Profile::of(&*retriever)?;
    ensure(profile.ids() == before, "the documents that are found", format!("{before:?}"), format!("{:?}", profile.ids()))?;
    (0..20).try_for_each(|i| profile.expect(&format!("doc-{:02}", 19 - i), i / 3))
}

pub(super) fn empty(subject: &RetrieverSubject<'_>) -> Checked {
    let mut retriever = (subject.open)(&subject.place())?;
    let read = add(&mut *retriever, &[])?;
    ensure(read == 0, "the number of documents of an empty stream", 0, read)?;
    let found = retriever.search(&["the river"], 5)?;
    ensure(found == [vec![]], "the hits in an index without documents", "none", format!("{found:?}"))?;
    let empty = |id: &str| Document { id: id.into(), text: String::new() };
    let mut documents = twins();
    documents.insert(3, empty("empty-a"));
    documents.push(empty("empty-b"));
    let read = add(&mut *retriever, &documents)?;
    ensure(read == documents.len() as u64, "the number that was returned", documents.len(), read)?;
    let profile = Profile::of(&*retriever)?;
    (0..twins().len()).try_for_each(|text| profile.expect(&twin(text), text))
}
