//! What every retriever over sparse vectors does, whatever service keeps them. The tests of the plugins include this file.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use scaledown_sdk::component::{Document, Hit, Retriever, RetrieverContext, SparseEncoder};
use serde_json::{Value, json};

const QUERIES: [&str; 4] = ["the old tower", "who made it ?", "a river", "tower tower river"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/fixtures")
}

/// The keys of an encoder that is a tiny random BERT.
fn encoder() -> Value {
    json!({"model": fixtures().join("bert-mlm"), "max_length": 32})
}

/// The keys of a retriever: `own` and the encoder's.
pub(crate) fn keys(own: Value) -> Value {
    let mut keys = encoder();
    keys.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    keys
}

/// What a retriever is built from.
pub(crate) fn context() -> RetrieverContext {
    RetrieverContext { device: scaledown_cpu::device().unwrap(), directory: PathBuf::new() }
}

/// A collection's name that no other run of the test uses, on a server that is kept.
pub(crate) fn collection(what: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("test_{what}_{}_{}", std::process::id(), now.as_nanos())
}

/// Texts with several that are equal, so that their scores are; their ids are in another order, and hold what has to be quoted.
fn documents() -> Vec<Document> {
    let frozen: Value = serde_json::from_slice(&std::fs::read(fixtures().join("frozen.json")).unwrap()).unwrap();
    let texts: Vec<&str> = frozen["texts"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    (0..40).map(|i| Document { id: format!("doc-{:02}/é \"{i}\"", 39 - i), text: texts[i % texts.len()].to_owned() }).collect()
}

fn add(retriever: &mut dyn Retriever, documents: &[Document]) -> u64 {
    retriever.index(&mut documents.iter().cloned().map(Ok)).unwrap()
}

/// The products of the documents' vectors with the query's, greatest first, without those that share no term.
fn products(encoder: &dyn SparseEncoder, documents: &[Document], query: &str) -> Vec<Hit> {
    let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
    let query = encoder.encode_queries(&[query]).unwrap().remove(0);
    let vectors = encoder.encode_documents(&texts).unwrap();
    let product = |vector: &[(u32, f32)]| -> f32 {
        let weight = |term: u32| vector.binary_search_by_key(&term, |pair| pair.0).map_or(0.0, |at| vector[at].1);
        query.0.iter().map(|&(term, own)| own * weight(term)).sum()
    };
    let scored = documents.iter().zip(&vectors);
    let mut hits: Vec<Hit> = scored
        .map(|(document, vector)| Hit { id: document.id.clone(), score: product(&vector.0) })
        .filter(|hit| hit.score > 0.0)
        .collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits
}

/// The best `k` are found, each once, with their products, in the order of score and id. A service sums in its own order, so that documents of
/// one text may differ in the last digit.
fn assert_found(retriever: &dyn Retriever, documents: &[Document], k: usize) {
    let config = serde_json::from_value(encoder()).unwrap();
    let encoder = scaledown_splade::Splade::new(&config, &scaledown_cpu::device().unwrap()).unwrap();
    let found = retriever.search(&QUERIES, k).unwrap();
    assert_eq!(found.len(), QUERIES.len());
    for (query, found) in QUERIES.iter().zip(&found) {
        let expected = products(&encoder, documents, query);
        let score_of: HashMap<&str, f32> = expected.iter().map(|hit| (hit.id.as_str(), hit.score)).collect();
        assert_eq!(found.len(), expected.len().min(k), "{query}, best {k}");
        assert_eq!(found.iter().map(|hit| &hit.id).collect::<HashSet<_>>().len(), found.len(), "{query}: {found:?}");
        assert!(
            found.is_sorted_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)).is_le()),
            "{query}: {found:?}"
        );
        for (found, best) in found.iter().zip(&expected) {
            let own = score_of.get(found.id.as_str()).unwrap_or_else(|| panic!("{query}: {found:?} has no term of it"));
            assert!((found.score - own).abs() < 1e-4, "{query}: {found:?}, its product is {own}");
            assert!((found.score - best.score).abs() < 1e-4, "{query}, best {k}: {found:?} in place of {best:?}");
        }
    }
}

/// Documents are found as an exhaustive search finds them, added again without being there twice, replaced, and found by whoever opens the
/// collection next. `open` opens one that is empty at first.
pub(crate) fn documents_are_found_and_replaced<R: Retriever>(open: impl Fn() -> R) {
    let mut documents = documents();
    let mut retriever = open();
    assert_eq!(add(&mut retriever, &documents[..30]), 30);
    assert_eq!(add(&mut retriever, &documents), 40);
    for k in [1, 3, 10, 100] {
        assert_found(&retriever, &documents, k);
    }
    documents[5].text = documents[6].text.clone();
    documents[9].text = String::new();
    assert_eq!(add(&mut retriever, &documents[5..10]), 5);
    assert_found(&retriever, &documents, 100);
    assert_found(&open(), &documents, 100);
}
