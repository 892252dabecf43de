//! Searching gives what computing every score would give, whatever was appended, deleted, replaced
//! and compacted before.

use proptest::prelude::*;
use scaledown_sparse_index::{Builder, Duplicates, Error, IndexSettings, SparseIndex, StoredWeights, compact, delete};
use std::path::Path;

type Document = (String, Vec<(u32, f32)>);

/// The best k by computing every score.
fn brute_force(documents: &[Document], weights: StoredWeights, query: &[(u32, f32)], k: usize) -> Vec<(String, f32)> {
    let mut query = query.to_vec();
    query.sort_by_key(|(term, _)| *term);
    let score = |terms: &[(u32, f32)]| {
        let weight = |term| terms.iter().find(|(other, _)| *other == term).and_then(|(_, weight)| weights.stored(*weight));
        query.iter().filter_map(|(term, factor)| weight(*term).map(|weight| weight * factor)).fold(0.0, |sum, part| sum + part)
    };
    let mut scored: Vec<(String, f32)> = documents.iter().map(|(id, terms)| (id.clone(), score(terms))).collect();
    scored.retain(|(_, score)| *score > 0.0);
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    scored.truncate(k);
    scored
}

fn found(hits: Vec<scaledown_sparse_index::DocumentHit>) -> Vec<(String, f32)> {
    hits.into_iter().map(|hit| (hit.id, hit.score)).collect()
}

fn add(mut builder: Builder, documents: &[Document]) {
    for (id, terms) in documents {
        builder.add(id, terms).unwrap();
    }
    builder.finish().unwrap();
}

/// A few terms, so that there are lists of both shapes, and a few weights, so that there are ties.
fn vector(terms: u32) -> impl Strategy<Value = Vec<(u32, f32)>> {
    let weight = prop_oneof![Just(0.5_f32), Just(1.0), 0.001_f32..7.9];
    proptest::collection::btree_map(prop_oneof![0..terms, 0..3_u32], weight, 0..8).prop_map(|map| map.into_iter().collect())
}

fn check(directory: &Path, live: &[Document], weights: StoredWeights, queries: &[Vec<(u32, f32)>], k: usize) {
    let index = SparseIndex::open(directory).unwrap();
    index.verify().unwrap();
    assert_eq!(index.info().documents, live.len() as u64);
    let batch = index.search_batch(queries, k).unwrap();
    for (query, hits) in queries.iter().zip(batch) {
        let expected = brute_force(live, weights, query, k);
        assert_eq!(found(hits), expected);
        assert_eq!(found(index.search(query, k).unwrap()), expected);
        assert_eq!(found(index.search_wide(query, k).unwrap()), expected);
    }
    for (id, _) in live {
        let number = index.document(id).unwrap().unwrap();
        assert_eq!(index.id(number).unwrap(), Some(id.as_str()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_search_is_exact(
        vectors in proptest::collection::vec(vector(40), 0..300),
        queries in proptest::collection::vec(vector(45), 1..4),
        k in prop_oneof![0..12_usize, Just(usize::MAX)],
        window in prop_oneof![Just(1_u32), 2..200_u32, Just(65536)],
        half in any::<bool>(),
        split in 0.0..1.0_f64,
        deleted in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
    ) {
        let weights = if half { StoredWeights::Half } else { StoredWeights::default() };
        let settings = IndexSettings { weights, window, memory: 0, ..IndexSettings::default() };
        let documents: Vec<Document> = vectors.into_iter().enumerate().map(|(n, terms)| (format!("d{n}"), terms)).collect();
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = documents.split_at((documents.len() as f64 * split) as usize);
        add(Builder::create(directory.path(), &settings).unwrap(), first);
        check(directory.path(), first, weights, &queries, k);
        add(Builder::append(directory.path(), &settings).unwrap(), second);
        check(directory.path(), &documents, weights, &queries, k);
        let mut live = documents.clone();
        if !documents.is_empty() {
            let gone: std::collections::BTreeSet<String> = deleted.iter().map(|at| at.get(&documents).0.clone()).collect();
            prop_assert_eq!(delete(directory.path(), &gone).unwrap(), gone.len() as u64);
            prop_assert_eq!(delete(directory.path(), &gone).unwrap(), 0);
            live.retain(|(id, _)| !gone.contains(id));
        }
        check(directory.path(), &live, weights, &queries, k);
        compact(directory.path(), 0).unwrap();
        check(directory.path(), &live, weights, &queries, k);
        let segments = SparseIndex::open(directory.path()).unwrap().info().segments;
        prop_assert_eq!(segments, usize::from(!live.is_empty()));
    }
}

#[test]
fn several_blocks_of_a_large_window_are_exact() {
    let documents: Vec<Document> = (0..10_000_u32)
        .map(|n| {
            let terms = (0..12).filter(|term| n.wrapping_mul(2_654_435_761).rotate_left(term * 5) % (term * term + 1) == 0);
            (n.to_string(), terms.map(|term| (term, 0.01 + (n.wrapping_mul(40_503) >> 7) as f32 % 3.0)).collect())
        })
        .collect();
    for weights in [StoredWeights::default(), StoredWeights::Half] {
        let directory = tempfile::tempdir().unwrap();
        let settings = IndexSettings { weights, ..IndexSettings::default() };
        add(Builder::create(directory.path(), &settings).unwrap(), &documents);
        let query: Vec<(u32, f32)> = (0..12).map(|term| (term, 0.3 + term as f32)).collect();
        let index = SparseIndex::open(directory.path()).unwrap();
        assert_eq!(found(index.search(&query, 100).unwrap()), brute_force(&documents, weights, &query, 100));
    }
}

#[test]
fn a_known_id_is_refused_or_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let refuse = IndexSettings::default();
    let replace = IndexSettings { duplicates: Duplicates::Replace, ..IndexSettings::default() };
    let mut builder = Builder::create(directory.path(), &refuse).unwrap();
    builder.add("a", &[(1, 1.0)]).unwrap();
    builder.add("a", &[(1, 2.0)]).unwrap();
    assert!(matches!(builder.finish(), Err(Error::Duplicate { id }) if id == "a"));
    assert!(matches!(SparseIndex::open(directory.path()), Err(Error::Missing { .. })));

    let mut builder = Builder::create(directory.path(), &replace).unwrap();
    builder.add("a", &[(1, 1.0)]).unwrap();
    builder.add("b", &[(1, 1.5)]).unwrap();
    builder.add("a", &[(1, 2.0)]).unwrap();
    assert_eq!(builder.finish().unwrap().documents, 2);
    let mut builder = Builder::append(directory.path(), &refuse).unwrap();
    assert!(matches!(builder.add("b", &[(1, 3.0)]), Err(Error::Duplicate { .. })));
    drop(builder);
    let mut builder = Builder::append(directory.path(), &replace).unwrap();
    builder.add("b", &[(1, 3.0)]).unwrap();
    builder.finish().unwrap();
    let index = SparseIndex::open(directory.path()).unwrap();
    assert_eq!(found(index.search(&[(1, 1.0)], 9).unwrap()), [("b".to_owned(), 3.0), ("a".to_owned(), 2.0)]);
}

#[test]
fn documents_and_queries_that_make_no_sense_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut builder = Builder::create(directory.path(), &IndexSettings::default()).unwrap();
    for terms in [&[(1, -1.0)][..], &[(1, f32::NAN)], &[(1, 9.0)], &[(1, 1.0), (1, 2.0)]] {
        assert!(matches!(builder.add("x", terms), Err(Error::Document { .. })));
    }
    assert!(matches!(builder.add("", &[]), Err(Error::Document { .. })));
    assert!(matches!(Builder::append(directory.path(), &IndexSettings::default()), Err(Error::Missing { .. })));
    builder.add("x", &[(1, 1.0), (2, 0.0)]).unwrap();
    assert_eq!(builder.finish().unwrap().postings, 1);
    assert!(matches!(Builder::create(directory.path(), &IndexSettings::default()), Err(Error::Exists { .. })));
    let index = SparseIndex::open(directory.path()).unwrap();
    for query in [&[(1, -1.0)][..], &[(1, f32::INFINITY)], &[(1, 1.0), (1, 2.0)]] {
        assert!(matches!(index.search(query, 3), Err(Error::Query { .. })));
    }
    assert!(index.search(&[], 3).unwrap().is_empty());
    let _writer = Builder::append(directory.path(), &IndexSettings::default()).unwrap();
    assert!(matches!(delete(directory.path(), ["x"]), Err(Error::Locked { .. })));
}

#[test]
fn an_open_index_stays_as_it_was_while_others_change_it() {
    let directory = tempfile::tempdir().unwrap();
    let documents: Vec<Document> = (0..500).map(|n| (n.to_string(), vec![(n % 7, 1.0 + n as f32 / 100.0)])).collect();
    let settings = IndexSettings { window: 64, ..IndexSettings::default() };
    add(Builder::create(directory.path(), &settings).unwrap(), &documents);
    let index = SparseIndex::open(directory.path()).unwrap();
    let expected = brute_force(&documents, StoredWeights::default(), &[(3, 1.0)], 20);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(found(index.search(&[(3, 1.0)], 20).unwrap()), expected)));
        }
        delete(directory.path(), (0..400).map(|n| n.to_string())).unwrap();
        compact(directory.path(), 1 << 20).unwrap();
    });
    assert_eq!(SparseIndex::open(directory.path()).unwrap().info().documents, 100);
}
