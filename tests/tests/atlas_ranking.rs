//! The committed encoder and reranker of the Atlas, through their plugins, on questions and documents that they were not trained on.

use std::path::{Path, PathBuf};

use scaledown::atlas::{AtlasConfig, QuestionRecord, Split, generate};
use scaledown_deberta::CrossEncoder;
use scaledown_sdk::component::{Reranker, RerankerContext, RerankerPlugin, SparseEncoder, SparseVector};
use scaledown_splade::Splade;

/// The first words of these names are also words of many documents, on which a search by words fails.
const MISLEADING: [&str; 3] =
    ["Where does Stone Corander live?", "What is the companion of Stone Pelell?", "What is the emblem of River Ridge?"];

/// In words that no document has.
const PARAPHRASED: [(&str, &str); 3] = [
    ("What job has Stone Corander got?", "Stone Corander"),
    ("Beside which water was River Ridge built?", "River Ridge"),
    ("Which gem glitters on Rowan Sword?", "Rowan Sword"),
];

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/atlas").join(name)
}

fn product(a: &SparseVector, b: &SparseVector) -> f32 {
    a.0.iter().filter_map(|(term, x)| b.0.binary_search_by_key(term, |pair| pair.0).ok().map(|at| x * b.0[at].1)).sum()
}

/// The documents of the test split with their titles, and its questions whose answer takes one document.
fn held_out() -> (Vec<String>, Vec<String>, Vec<QuestionRecord>) {
    let atlas = generate(&AtlasConfig::default()).unwrap();
    let (titles, documents) = atlas.corpus(Split::Test).map(|document| (document.title.clone(), document.document())).unzip();
    (titles, documents, atlas.records(Split::Test).filter(|record| record.hops == 1).collect())
}

#[test]
fn the_encoder_finds_documents_that_it_has_not_seen() {
    let config = serde_json::from_value(serde_json::json!({"model": directory("splade")})).unwrap();
    let encoder = Splade::new(&config, &scaledown_cpu::device().unwrap()).unwrap();
    let (titles, documents, records) = held_out();
    let vectors = encoder.encode_documents(&documents.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let best = |query: &str| {
        let query = &encoder.encode_queries(&[query]).unwrap()[0];
        let scores = vectors.iter().map(|document| product(query, document));
        titles[scores.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0].clone()
    };
    let asked = |query: &str| records.iter().any(|record| record.query == query);
    for query in MISLEADING {
        assert!(asked(query), "the test split has {query:?}");
        let found = best(query);
        assert!(query.contains(&found), "{query} {found}");
    }
    for (query, title) in PARAPHRASED {
        assert_eq!(best(query), title, "{query}");
    }
    let first = records.iter().take(100).filter(|record| record.query.contains(&best(&record.query))).count();
    assert!(first >= 95, "{first} of 100 questions find their document first");
}

#[test]
fn the_reranker_prefers_the_document_with_the_answer_on_the_scale_of_the_generator() {
    let config = serde_json::from_value(serde_json::json!({"model": directory("deberta")})).unwrap();
    let reranker = CrossEncoder::build(config, RerankerContext { device: scaledown_cpu::device().unwrap() }).unwrap();
    let (_, _, records) = held_out();
    let (mut first, mut error, mut pairs) = (0, 0.0, 0);
    for record in records.iter().take(40) {
        let documents: Vec<&str> = record.documents.iter().map(String::as_str).collect();
        let scores = reranker.score(&record.query, &documents).unwrap();
        let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
        first += usize::from(record.supporting == [best]);
        error += scores.iter().zip(&record.reranking_scores).map(|(score, given)| (f64::from(*score) - given).abs()).sum::<f64>();
        pairs += scores.len();
    }
    assert!(first >= 38, "{first} of 40 right documents come first");
    let error = error / f64::from(u32::try_from(pairs).unwrap());
    assert!(error <= 0.1, "scores are {error} from the generator's");
}
