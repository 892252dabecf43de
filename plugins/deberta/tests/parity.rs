//! The cross-encoders and the reranker against PyTorch; `tests/parity/frozen.py` made the values.

use std::path::{Path, PathBuf};

use scaledown_deberta::{CrossEncoder, CrossEncoderConfig};
use scaledown_sdk::component::{Kind, Reranker, RerankerContext, RerankerPlugin, registrations};
use scaledown_sdk::nn::safetensors::SafetensorsFile;
use scaledown_sdk::nn::{TokenBatch, WeightSource, bert, deberta};
use scaledown_sdk::{Device, Error, TensorData};

const MODELS: [&str; 4] = ["minilm", "deberta-v3", "deberta-v2", "deberta-c2p"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/fixtures").join(name)
}

fn device() -> Device {
    scaledown_cpu::device().unwrap()
}

fn expected(model: &str, tensor: &str) -> TensorData {
    SafetensorsFile::open(fixture(model).join("expected.safetensors")).unwrap().read(tensor).unwrap()
}

fn texts() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(fixture("frozen.json")).unwrap()).unwrap()
}

fn reranker(model: &Path, max_length: usize, batch_tokens: usize) -> Result<CrossEncoder, Error> {
    let keys = serde_json::json!({"model": model, "max_length": max_length, "batch_tokens": batch_tokens});
    let config: CrossEncoderConfig = serde_json::from_value(keys).unwrap();
    CrossEncoder::build(config, RerankerContext { device: device() })
}

/// The real tokens of the recorded batch.
fn tokens(model: &str) -> TokenBatch {
    let [ids, mask, types] =
        ["input_ids", "attention_mask", "token_type_ids"].map(|name| expected(model, &format!("tokens/in.{name}")));
    let len = ids.spec().shape.last();
    let mask = mask.to_f64();
    let rows = |values: &TensorData| {
        let values = values.to_f64();
        let row = |(values, mask): (&[f64], &[f64])| {
            values.iter().zip(mask).filter(|(_, m)| **m > 0.0).map(|(v, _)| *v as u32).collect()
        };
        values.chunks(len).zip(mask.chunks(len)).map(row).collect()
    };
    TokenBatch { ids: rows(&ids), types: rows(&types) }
}

fn assert_near(what: &str, ours: &[f32], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (&ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!((f64::from(ours) - theirs).abs() <= 1e-4, "{what}, element {i}: {ours}, PyTorch has {theirs}");
    }
}

#[test]
fn logits_of_ragged_batches_are_those_of_pytorch() {
    for name in MODELS {
        let batch = tokens(name);
        let forward = |batch: &TokenBatch| match name {
            "minilm" => bert::BertClassifier::from_directory(&fixture(name), &device()).unwrap().forward(batch).unwrap(),
            _ => deberta::DebertaClassifier::from_directory(&fixture(name), &device()).unwrap().forward(batch).unwrap(),
        };
        let theirs = expected(name, "tokens/logits");
        assert_near(name, &forward(&batch).to_vec::<f32>().unwrap(), &theirs.to_f64());
        let labels = theirs.spec().shape.last();
        for row in 0..batch.ids.len() {
            let alone = TokenBatch { ids: vec![batch.ids[row].clone()], types: vec![batch.types[row].clone()] };
            let ours = forward(&alone).to_vec::<f32>().unwrap();
            assert_near(&format!("{name}, row {row} alone"), &ours, &theirs.to_f64()[row * labels..][..labels]);
        }
    }
}

#[test]
fn scores_of_texts_are_those_of_pytorch_in_whatever_batches() {
    let texts = texts();
    let documents: Vec<&str> = texts["documents"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let max_length = usize::try_from(texts["max_length"].as_u64().unwrap()).unwrap();
    for name in MODELS {
        let logits = expected(name, "texts/logits").to_f64();
        let theirs: Vec<f64> =
            if name == "deberta-v2" { logits.chunks(2).map(|pair| pair[1] - pair[0]).collect() } else { logits };
        for batch_tokens in [1, 50, 4096] {
            let reranker = reranker(&fixture(name), max_length, batch_tokens).unwrap();
            let ours = reranker.score(texts["query"].as_str().unwrap(), &documents).unwrap();
            assert_near(&format!("{name}, batches of {batch_tokens}"), &ours, &theirs);
        }
        assert!(reranker(&fixture(name), max_length, 1).unwrap().score("who", &[]).unwrap().is_empty());
    }
}

#[test]
fn distances_have_the_buckets_of_transformers() {
    let file = SafetensorsFile::open(fixture("deberta-buckets.safetensors")).unwrap();
    let relative = deberta::Relative {
        max_distance: 512,
        buckets: Some(256),
        content_to_position: true,
        position_to_content: true,
        shared_projections: true,
        normalised: true,
    };
    let [distances, buckets] = ["distance", "bucket"].map(|name| file.read(name).unwrap().to_f64());
    for (distance, bucket) in distances.into_iter().zip(buckets) {
        assert_eq!(i64::from(relative.row(distance as i64)) - 256, (bucket as i64).min(255), "distance {distance}");
    }
}

#[test]
fn a_query_that_leaves_no_room_is_cut_longest_first_as_transformers_does() {
    // Pairs that `transformers` cuts to the same tokens as the short ones.
    let reranker = reranker(&fixture("minilm"), 9, 100).unwrap();
    assert_eq!(reranker.score("who was the king of", &["a tower", ""]).unwrap().len(), 2);
    let cut = reranker.score("who was the king of the", &["a tower", "a tower of the north and a king"]).unwrap();
    let whole = [
        reranker.score("who was the king", &["a tower"]).unwrap()[0],
        reranker.score("who was the", &["a tower of"]).unwrap()[0],
    ];
    for (cut, whole) in cut.iter().zip(whole) {
        assert!((cut - whole).abs() < 1e-6, "{cut} {whole}");
    }
}

#[test]
fn a_model_that_scores_nothing_is_refused_by_name() {
    let reported = |model: &Path, max_length| reranker(model, max_length, 100).err().expect("it is refused").to_string();
    let message = reported(&fixture("distilbert-mlm"), 24);
    assert!(message.contains("\"distilbert\", expected deberta-v2 or bert"), "{message}");
    let message = reported(&fixture("minilm"), 49);
    assert!(message.contains("max_length is 49, expected 4 to 48"), "{message}");
    let message = reported(&fixture("bert-mlm"), 24);
    assert!(message.contains("classifier.weight is missing"), "{message}");
}

#[test]
fn the_plugin_is_registered_as_a_reranker() {
    let entry = registrations().find(|entry| entry.name == "deberta").unwrap();
    assert_eq!(entry.kind(), Kind::Reranker);
    assert!((entry.schema)()["properties"]["model"]["format"] == "model");
}
