//! The committed encoder of the Atlas, on questions and documents of the test split, which it was
//! not trained on.

use std::path::{Path, PathBuf};

use scaledown_sdk::component::{SparseEncoder, SparseVector};
use scaledown_splade::Splade;

/// Documents, and questions with the relevance of each: as they are, and in words that no document
/// has. The names share their words, some of which are also words of other documents.
fn held_out() -> (Vec<String>, Vec<(String, Vec<f64>)>) {
    let path = root().join("tests/fixtures/atlas-ranking.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let question = |row: &serde_json::Value| {
        (row["query"].as_str().unwrap().to_owned(), serde_json::from_value(row["relevance"].clone()).unwrap())
    };
    let questions = json["questions"].as_array().unwrap().iter().map(question).collect();
    (serde_json::from_value(json["documents"].clone()).unwrap(), questions)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn product(a: &SparseVector, b: &SparseVector) -> f32 {
    a.0.iter().filter_map(|(term, x)| b.0.binary_search_by_key(term, |pair| pair.0).ok().map(|at| x * b.0[at].1)).sum()
}

#[test]
fn the_document_with_the_answer_is_found_first() {
    let config = serde_json::from_value(serde_json::json!({"model": root().join("host/cli/assets/atlas/splade")})).unwrap();
    let encoder = Splade::new(&config, &scaledown_cpu::device().unwrap()).unwrap();
    let (documents, questions) = held_out();
    let vectors = encoder.encode_documents(&documents.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    for (query, relevance) in questions {
        let asked = &encoder.encode_queries(&[&query]).unwrap()[0];
        let scores: Vec<f32> = vectors.iter().map(|document| product(asked, document)).collect();
        let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
        assert!(relevance[best] > 0.9, "{query} found {}", documents[best]);
    }
}
