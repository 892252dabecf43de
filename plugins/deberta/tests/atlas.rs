//! The committed reranker of the Atlas, on questions and documents of the test split, which it was
//! not trained on.

use std::path::{Path, PathBuf};

use scaledown_deberta::CrossEncoder;
use scaledown_sdk::component::{Reranker, RerankerContext, RerankerPlugin};

/// Documents, and questions with the relevance of each: as they are, and in words that no document
/// has. The names share their words.
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

#[test]
fn the_document_with_the_answer_is_preferred_on_the_scale_of_the_generator() {
    let config = serde_json::from_value(serde_json::json!({"model": root().join("host/cli/assets/atlas/deberta")})).unwrap();
    let reranker = CrossEncoder::build(config, RerankerContext { device: scaledown_cpu::device().unwrap() }).unwrap();
    let (documents, questions) = held_out();
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    let mut errors = Vec::new();
    for (query, relevance) in questions {
        let scores = reranker.score(&query, &documents).unwrap();
        let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
        assert!(relevance[best] > 0.9, "{query} prefers {}", documents[best]);
        errors.extend(scores.iter().zip(&relevance).map(|(&score, given)| (f64::from(score) - given).abs()));
    }
    let error = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(error <= 0.1, "scores are {error} from the generator's in the mean");
}
