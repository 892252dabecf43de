//! The ranking of a real dataset, SciFact in BEIR's layout; skipped where it is not beside the
//! project.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use scaledown_bm25::{Bm25, Bm25Config};
use scaledown_sdk::component::{Document, Retriever, RetrieverContext, RetrieverPlugin};
use serde_json::Value;

/// The nDCG@10 that BM25 must reach; Anserini's reaches about as much (Thakur et al. 2021, arXiv
/// 2104.08663, table 2: 0.665).
const BAR: f64 = 0.665;

fn lines(path: PathBuf) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}

/// Judgements that are relevant, by query.
fn relevant(path: PathBuf) -> HashMap<String, Vec<String>> {
    let mut relevant: HashMap<String, Vec<String>> = HashMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines().skip(1) {
        let [query, document, grade] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if grade != "0" {
            relevant.entry(query.into()).or_default().push(document.into());
        }
    }
    relevant
}

/// nDCG@10 of judgements that are all of one grade.
fn ndcg(ranking: &[String], relevant: &[String]) -> f64 {
    let gain = |place: usize| 1.0 / ((place + 2) as f64).log2();
    let found: f64 = ranking.iter().enumerate().filter(|(_, id)| relevant.contains(id)).map(|(place, _)| gain(place)).sum();
    found / (0..relevant.len().min(10)).map(gain).sum::<f64>()
}

#[test]
fn scifact_is_ranked_as_well_as_is_known_of_bm25() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/scifact");
    if !data.exists() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let context = RetrieverContext { device: scaledown_cpu::device().unwrap(), directory: directory.path().to_owned() };
    let mut retriever = Bm25::build(Bm25Config::default(), context).unwrap();
    let documents = lines(data.join("corpus.jsonl"));
    let mut stream = documents.iter().map(|document| {
        Ok(Document { id: text(document, "_id"), text: format!("{} {}", text(document, "title"), text(document, "text")) })
    });
    assert_eq!(retriever.index(&mut stream).unwrap(), 5183);
    let relevant = relevant(data.join("qrels/test.tsv"));
    let queries: Vec<(String, String)> =
        lines(data.join("queries.jsonl")).iter().map(|query| (text(query, "_id"), text(query, "text"))).collect();
    let queries: Vec<_> = queries.into_iter().filter(|(id, _)| relevant.contains_key(id)).collect();
    let texts: Vec<&str> = queries.iter().map(|(_, text)| text.as_str()).collect();
    let found = retriever.search(&texts, 10).unwrap();
    let mean = queries.iter().zip(found).map(|((id, _), hits)| {
        let ranking: Vec<String> = hits.into_iter().map(|hit| hit.id).collect();
        ndcg(&ranking, &relevant[id])
    });
    let mean = mean.sum::<f64>() / queries.len() as f64;
    println!("nDCG@10 of {} queries: {mean:.4}", queries.len());
    assert!(mean >= BAR, "nDCG@10 is {mean:.4}, expected at least {BAR}");
}
