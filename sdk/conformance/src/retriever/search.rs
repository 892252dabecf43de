//! Searching.

use std::collections::BTreeSet;

use scaledown_sdk::component::{Document, Hit, Retriever};

use super::corpus::{ALL, TEXTS, corpus, document, twin};
use super::{IndexDirectory, RetrieverSubject, search as hits_of, shown};
use crate::report::{CheckFailure, Checked, answered, ensure};

/// Documents beside the twins.
const MORE: usize = 30;

/// How many documents "thousands" are, and how many of them are asked for.
const THOUSANDS: usize = 2000;
const ASKED: usize = 50;

pub(super) fn finds(subject: &RetrieverSubject<'_>) -> Checked {
    let (_, retriever) = subject.with(&corpus(MORE))?;
    let mut varied = false;
    for (text, query) in TEXTS.iter().enumerate() {
        let hits = hits_of(&*retriever, query, ALL)?;
        let found = hits.iter().any(|hit| hit.id == twin(text));
        ensure(found, format!("the hits of {query:?}"), format!("the document {} of this text", twin(text)), shown(&hits))?;
        ensure(hits.iter().all(|hit| hit.score.is_finite()), "the scores of hits", "finite numbers", shown(&hits))?;
        varied |= hits.windows(2).any(|pair| pair[0].score > 1.001 * pair[1].score);
    }
    ensure(varied, "the scores of documents of different texts", "different ones", "the same for all")
}

pub(super) fn order(subject: &RetrieverSubject<'_>) -> Checked {
    let (_, retriever) = subject.with(&corpus(MORE))?;
    for query in TEXTS {
        ordered(query, &hits_of(&*retriever, query, ALL)?)?;
    }
    Ok(())
}

/// Whether hits stand in the order of descending scores, and equal ones in that of ascending ids.
fn ordered(query: &str, hits: &[Hit]) -> Checked {
    for pair in hits.windows(2) {
        let [a, b] = pair else { continue };
        let right = b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)).is_lt();
        ensure(right, format!("the hits of {query:?}"), "descending scores, equal ones by ascending ids", shown(pair))?;
    }
    Ok(())
}

pub(super) fn prefix(subject: &RetrieverSubject<'_>) -> Checked {
    let (_, retriever) = subject.with(&corpus(MORE))?;
    for query in &TEXTS[..4] {
        let all = hits_of(&*retriever, query, ALL)?;
        for k in [1, 2, 3, 5, 11] {
            let few = hits_of(&*retriever, query, k)?;
            let expected = &all[..all.len().min(k)];
            ensure(few == expected, format!("the best {k} hits of {query:?}"), shown(expected), shown(&few))?;
        }
    }
    Ok(())
}

pub(super) fn beyond(subject: &RetrieverSubject<'_>) -> Checked {
    let documents = corpus(6);
    let (_, retriever) = subject.with(&documents)?;
    for k in [documents.len(), documents.len() + 1, 1000] {
        let hits = hits_of(&*retriever, TEXTS[0], k)?;
        let ids: BTreeSet<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
        ensure(ids.len() == hits.len(), format!("the best {k} hits"), "each document at most once", shown(&hits))?;
        let known = ids.iter().all(|id| documents.iter().any(|document| document.id == *id));
        ensure(known, format!("the best {k} hits"), "documents that were added", shown(&hits))?;
    }
    Ok(())
}

pub(super) fn empty(subject: &RetrieverSubject<'_>) -> Checked {
    let (_, retriever) = subject.with(&corpus(6))?;
    let none = retriever.search(&[], 5)?;
    ensure(none.is_empty(), "the answers to no queries", "none", none.len())?;
    let none = retriever.search(&[TEXTS[0], TEXTS[1]], 0)?;
    let right = none.len() == 2 && none.iter().all(Vec::is_empty);
    ensure(right, "the answers to two queries with k = 0", "two without hits", format!("{none:?}"))?;
    let long = "river ".repeat(5000);
    for query in ["", " \n\t", "?!", "AND OR NOT (\"*:~^", "🙂 \u{200f}שלום", "\0", long.as_str()] {
        let what = format!("the query {:?}", query.chars().take(20).collect::<String>());
        let found = answered(&what, || hits_of(&*retriever, query, 5))??;
        ensure(found.len() <= 5, what, "at most 5 hits", shown(&found))?;
    }
    Ok(())
}

pub(super) fn batch(subject: &RetrieverSubject<'_>) -> Checked {
    let (_, retriever) = subject.with(&corpus(MORE))?;
    let queries = ["", TEXTS[3], TEXTS[1], "", TEXTS[1], TEXTS[0]];
    let together = retriever.search(&queries, 7)?;
    ensure(together.len() == queries.len(), "the answers", format!("one for each of {} queries", queries.len()), together.len())?;
    for (number, (query, found)) in queries.iter().zip(&together).enumerate() {
        alike(&format!("the hits of query {number}, {query:?}, among others"), found, &hits_of(&*retriever, query, 7)?)?;
    }
    Ok(())
}

/// Whether two answers have the same documents in the same order. Their scores may differ where an
/// encoder sums in another order.
fn alike(what: &str, found: &[Hit], expected: &[Hit]) -> Checked {
    let near = |a: f32, b: f32| (a - b).abs() <= 1e-3 * a.abs().max(b.abs());
    let same = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| near(a.score, b.score));
    ensure(same, what, shown(expected), shown(found))?;
    // Documents whose scores are far from those of others have one place.
    for (at, hit) in expected.iter().enumerate() {
        let alone = expected.iter().enumerate().all(|(other, b)| other == at || !near(hit.score, b.score));
        let last = at + 1 == expected.len();
        ensure(last || !alone || found[at].id == hit.id, what, shown(expected), shown(found))?;
    }
    Ok(())
}

pub(super) fn again(subject: &RetrieverSubject<'_>) -> Checked {
    let (_, retriever) = subject.with(&corpus(MORE))?;
    let first = retriever.search(&TEXTS, 9)?;
    let second = retriever.search(&TEXTS, 9)?;
    ensure(first == second, "the hits of a second search", "those of the first", "others")?;
    let retriever: &dyn Retriever = &*retriever;
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| retriever.search(&TEXTS, 9))).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    for result in results {
        let found = result.map_err(|_| CheckFailure::differs("a search beside others", "hits", "a panic"))??;
        ensure(found == first, "the hits of a search beside others", "those of a search alone", "others")?;
    }
    Ok(())
}

pub(super) fn reopened(subject: &RetrieverSubject<'_>) -> Checked {
    let (place, retriever) = subject.with(&corpus(MORE))?;
    let before = retriever.search(&TEXTS, ALL)?;
    drop(retriever);
    let after = (subject.open)(&place)?.search(&TEXTS, ALL)?;
    for ((query, before), after) in TEXTS.iter().zip(&before).zip(&after) {
        ensure(before == after, format!("the hits of {query:?} after reopening"), shown(before), shown(after))?;
    }
    // Nothing of one place is at another.
    let other: IndexDirectory = subject.place();
    let found = (subject.open)(&other)?.search(&TEXTS[..1], 5).unwrap_or_default();
    ensure(found.iter().all(Vec::is_empty), "the hits at a new place", "none", format!("{found:?}"))
}

pub(super) fn characters(subject: &RetrieverSubject<'_>) -> Checked {
    let ids = ["é \"quoted\" 'and' \\slashed/", "日本語 🙂", "a b\tc", "UPPER", "upper", "%20&x=[1]", "-1", "e\u{301}", "é"];
    let texts = ["Größe: 5 µm — “stone” ", "塔 tower", "🙂🙂 river", "\u{200f}עיר city", "the\u{0}king", "tower\r\nriver"];
    let mut documents: Vec<Document> = ids.iter().map(|id| document(*id, 0)).collect();
    let odd = |(number, text): (usize, &&str)| Document { id: format!("odd-{number}"), text: (*text).to_owned() };
    documents.extend(texts.iter().enumerate().map(odd));
    let (_, retriever) = subject.with(&documents)?;
    let hits = hits_of(&*retriever, TEXTS[0], ALL)?;
    for id in ids {
        ensure(hits.iter().any(|hit| hit.id == id), "the hits of documents of one text", format!("{id:?}"), shown(&hits))?;
    }
    for text in texts {
        answered(format!("the query {text:?}"), || hits_of(&*retriever, text, 5))??;
    }
    Ok(())
}

pub(super) fn thousands(subject: &RetrieverSubject<'_>) -> Checked {
    let documents = (0..THOUSANDS).map(|i| document(thousandth(i), i));
    let place = subject.place();
    let mut retriever = (subject.open)(&place)?;
    let added = retriever.index(&mut documents.map(Ok))?;
    ensure(added == THOUSANDS as u64, "the number of documents", THOUSANDS, added)?;
    let all = hits_of(&*retriever, TEXTS[0], THOUSANDS)?;
    let of_the_text = (0..THOUSANDS).step_by(TEXTS.len()).map(thousandth);
    for id in of_the_text {
        let found = all.iter().any(|hit| hit.id == id);
        ensure(
            found,
            format!("the best {THOUSANDS} hits of {:?}", TEXTS[0]),
            format!("the document {id} of this text"),
            shown(&all),
        )?;
    }
    for query in &TEXTS[..3] {
        let few = hits_of(&*retriever, query, ASKED)?;
        let more = hits_of(&*retriever, query, 2 * ASKED)?;
        ordered(query, &more)?;
        let expected = &more[..more.len().min(ASKED)];
        ensure(few == expected, format!("the best {ASKED} hits of {query:?}"), shown(expected), shown(&few))?;
        ensure(few.len() == ASKED, format!("the best {ASKED} hits of {query:?}"), ASKED, few.len())?;
    }
    Ok(())
}

/// The id of a document. 7 and 2,000 have no divisor in common, so that each id comes once, and in
/// no order.
fn thousandth(i: usize) -> String {
    format!("{:04}", i * 7 % THOUSANDS)
}
