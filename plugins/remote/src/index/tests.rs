//! The retriever over a store in memory that fails now and then and orders equal hits as it likes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::backoff;

/// Each word `w7` is the term 7; its weight is its count.
struct Words;

impl Words {
    fn encode(texts: &[&str]) -> Result<Vec<SparseVector>> {
        let vector = |text: &&str| {
            let mut terms = BTreeMap::<u32, f32>::new();
            text.split_whitespace().filter_map(|word| word.strip_prefix('w')?.parse().ok()).for_each(|term| {
                *terms.entry(term).or_default() += 1.0;
            });
            SparseVector(terms.into_iter().collect())
        };
        Ok(texts.iter().map(vector).collect())
    }
}

impl SparseEncoder for Words {
    fn vocabulary(&self) -> usize {
        100
    }

    fn encode_documents(&self, texts: &[&str]) -> Result<Vec<SparseVector>> {
        Words::encode(texts)
    }

    fn encode_queries(&self, texts: &[&str]) -> Result<Vec<SparseVector>> {
        Words::encode(texts)
    }
}

#[derive(Default)]
struct Memory {
    documents: Mutex<BTreeMap<String, SparseVector>>,
    /// Calls that still fail before one succeeds.
    failures: Mutex<u32>,
    /// The limits that were asked for.
    limits: Mutex<Vec<usize>>,
}

impl Memory {
    fn call(&self) -> std::result::Result<(), StoreFailure> {
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Err(StoreFailure::Transient { message: "the service is busy".into(), wait: Duration::ZERO });
        }
        Ok(())
    }
}

impl Store for Memory {
    fn name(&self) -> String {
        "the memory".into()
    }

    fn most_hits(&self) -> usize {
        1000
    }

    fn longest_id(&self) -> usize {
        8
    }

    fn prepare(&self, vocabulary: usize) -> std::result::Result<(), StoreFailure> {
        assert_eq!(vocabulary, 100);
        self.call()
    }

    fn put(&self, documents: &[(String, SparseVector)]) -> std::result::Result<(), StoreFailure> {
        self.call()?;
        assert!(documents.iter().all(|(_, vector)| !vector.0.is_empty()));
        self.documents.lock().unwrap().extend(documents.iter().cloned());
        Ok(())
    }

    fn remove(&self, ids: &[String]) -> std::result::Result<(), StoreFailure> {
        self.call()?;
        self.documents.lock().unwrap().retain(|id, _| !ids.contains(id));
        Ok(())
    }

    fn search(&self, queries: &[SparseVector], limit: usize) -> std::result::Result<Vec<Vec<Hit>>, StoreFailure> {
        self.call()?;
        self.limits.lock().unwrap().push(limit);
        let documents = self.documents.lock().unwrap();
        let search = |query: &SparseVector| {
            let product = |vector: &SparseVector| {
                let weight = |term: u32| vector.0.iter().find(|pair| pair.0 == term).map_or(0.0, |pair| pair.1);
                query.0.iter().map(|&(term, own)| own * weight(term)).sum::<f32>()
            };
            let mut hits: Vec<Hit> = documents
                .iter()
                .map(|(id, vector)| Hit { id: id.clone(), score: product(vector) })
                .filter(|hit| hit.score > 0.0)
                .collect();
            // The worst of all orders: equal ones from the end.
            hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| b.id.cmp(&a.id)));
            hits.truncate(limit);
            hits
        };
        Ok(queries.iter().map(search).collect())
    }
}

fn retriever(batch: usize) -> RemoteIndex<Memory> {
    RemoteIndex::new("memory", Memory::default(), Box::new(Words), batch, backoff(Duration::from_millis(1), 2))
}

fn add(retriever: &mut RemoteIndex<Memory>, documents: &[(&str, &str)]) -> Result<u64> {
    let documents = documents.iter().map(|(id, text)| Ok(Document { id: (*id).into(), text: (*text).into() }));
    retriever.index(&mut documents.collect::<Vec<_>>().into_iter())
}

fn ids(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.id.as_str()).collect()
}

#[test]
fn the_last_document_of_an_id_counts_in_whatever_batches() {
    for batch in [1, 2, 100] {
        let mut retriever = retriever(batch);
        let documents = [("a", "w1"), ("b", "w1 w1"), ("a", "w1 w1 w1"), ("c", "w2"), ("b", "no term")];
        assert_eq!(add(&mut retriever, &documents).unwrap(), 5);
        let found = retriever.search(&["w1", "no term", "w2 w1"], 10).unwrap();
        assert_eq!(found.iter().map(|hits| ids(hits)).collect::<Vec<_>>(), [vec!["a"], vec![], vec!["a", "c"]]);
        assert_eq!(found[0][0].score, 3.0);
    }
}

#[test]
fn equal_scores_are_ordered_by_id_however_many_there_are() {
    let mut retriever = retriever(7);
    let names: Vec<String> = (0..300).map(|i| format!("d{i:03}")).collect();
    let documents: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "w1")).chain([("first", "w1 w1")]).collect();
    add(&mut retriever, &documents).unwrap();
    let found = retriever.search(&["w1"], 3).unwrap();
    assert_eq!(ids(&found[0]), ["first", "d000", "d001"]);
    assert_eq!(*retriever.store.limits.lock().unwrap(), [11, 44, 176, 704]);
}

#[test]
fn what_passes_is_tried_again_and_what_lasts_is_reported() {
    let mut retriever = retriever(10);
    for failures in [1, 2] {
        *retriever.store.failures.lock().unwrap() = failures;
        assert_eq!(add(&mut retriever, &[("a", "w1")]).unwrap(), 1);
        *retriever.store.failures.lock().unwrap() = failures;
        assert_eq!(retriever.search(&["w1"], 1).unwrap()[0].len(), 1);
    }
    *retriever.store.failures.lock().unwrap() = 3;
    let message = retriever.search(&["w1"], 1).unwrap_err().to_string();
    assert_eq!(message, "plugin memory: the memory: the service is busy (tried 3 times; retriever.retries allows more)");
}

#[test]
fn ids_and_counts_that_a_service_cannot_keep_are_refused() {
    let mut retriever = retriever(10);
    let message = add(&mut retriever, &[("a", "w1"), ("123456789", "w1")]).unwrap_err().to_string();
    assert!(message.starts_with("the document id \"123456789\" has 9 bytes, expected 1 to 8"), "{message}");
    let message = retriever.search(&["w1"], 1001).unwrap_err().to_string();
    assert!(message.contains("expected at most 1000"), "{message}");
    assert!(retriever.search(&["w1"], 0).unwrap()[0].is_empty());
}
