//! The masked language models and the encoder against PyTorch; `tests/parity/frozen.py` made the
//! values.

use std::path::{Path, PathBuf};

use scaledown_sdk::component::SparseEncoder;
use scaledown_sdk::nn::bert::BertMaskedLm;
use scaledown_sdk::nn::safetensors::SafetensorsFile;
use scaledown_sdk::nn::{TokenBatch, WeightSource};
use scaledown_sdk::{Device, TensorData};
use scaledown_splade::{Splade, SpladeConfig};

const MODELS: [&str; 3] = ["bert-mlm", "bert-mlm-untied", "distilbert-mlm"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/fixtures").join(name)
}

fn device() -> Device {
    scaledown_cpu::device().unwrap()
}

fn expected(model: &str, tensor: &str) -> TensorData {
    SafetensorsFile::open(fixture(model).join("expected.safetensors")).unwrap().read(tensor).unwrap()
}

fn texts() -> (Vec<String>, usize) {
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(fixture("frozen.json")).unwrap()).unwrap();
    let texts = json["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    (texts, usize::try_from(json["max_length"].as_u64().unwrap()).unwrap())
}

fn encoder(model: &str, more: &serde_json::Value) -> Result<Splade, scaledown_sdk::Error> {
    let mut keys = serde_json::json!({"model": fixture(model), "max_length": texts().1, "special_terms": true});
    keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let config: SpladeConfig = serde_json::from_value(keys).unwrap();
    Splade::new(&config, &device())
}

/// The real rows of padded ids, token types and logits.
fn unpadded(model: &str) -> (TokenBatch, Vec<Vec<f64>>) {
    let [ids, mask, types] =
        ["input_ids", "attention_mask", "token_type_ids"].map(|name| expected(model, &format!("tokens/in.{name}")));
    let logits = expected(model, "tokens/logits");
    let &[batch, len] = ids.spec().shape.dims() else { panic!("ids are [batch, len]") };
    let (ids, types, mask) = (ids.to_f64(), types.to_f64(), mask.to_f64());
    let real = |row: usize| (0..len).filter(|at| mask[row * len + at] > 0.0).count();
    let take = |values: &[f64], row: usize| values[row * len..][..real(row)].iter().map(|&id| id as u32).collect();
    let width = logits.spec().shape.last();
    let logits = logits.to_f64();
    let found = (0..batch).map(|row| logits[row * len * width..][..real(row) * width].to_vec()).collect();
    let tokens = TokenBatch {
        ids: (0..batch).map(|row| take(&ids, row)).collect(),
        types: (0..batch).map(|row| take(&types, row)).collect(),
    };
    (tokens, found)
}

fn assert_near(what: &str, ours: impl IntoIterator<Item = f64>, theirs: &[f64]) {
    let ours: Vec<f64> = ours.into_iter().collect();
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!((ours - theirs).abs() <= 1e-4, "{what}, element {i}: {ours}, PyTorch has {theirs}");
    }
}

#[test]
fn logits_of_ragged_batches_are_those_of_pytorch() {
    for name in MODELS {
        let model = BertMaskedLm::from_directory(&fixture(name), &device()).unwrap();
        let (batch, theirs) = unpadded(name);
        let logits = model.logits(&model.encoder().forward(&batch).unwrap()).unwrap();
        let width = logits.shape().last();
        let greatest = model.max_logits(&batch).unwrap();
        for (row, theirs) in theirs.iter().enumerate() {
            let ours = logits.slice(0, row, 1).unwrap().slice(1, 0, theirs.len() / width).unwrap().to_vec::<f32>().unwrap();
            assert_near(&format!("{name}, row {row}"), ours.into_iter().map(f64::from), theirs);
            let maxima = |term: usize| theirs.iter().skip(term).step_by(width).copied().fold(f64::NEG_INFINITY, f64::max);
            let maxima: Vec<f64> = (0..width).map(maxima).collect();
            assert_near(&format!("{name}, maxima of row {row}"), greatest[row].iter().copied().map(f64::from), &maxima);
        }
    }
}

#[test]
fn vectors_of_texts_are_those_of_pytorch_in_whatever_batches() {
    let (texts, _) = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for name in MODELS {
        let dense = expected(name, "texts/splade");
        for batch_tokens in [1, 50, 4096] {
            let encoder = encoder(name, &serde_json::json!({"batch_tokens": batch_tokens})).unwrap();
            let vectors = encoder.encode_documents(&texts).unwrap();
            let ours = vectors.iter().flat_map(|vector| {
                assert!(vector.0.is_sorted_by(|a, b| a.0 < b.0));
                let mut row = vec![0.0; encoder.vocabulary()];
                vector.0.iter().for_each(|&(term, weight)| row[term as usize] = f64::from(weight));
                row
            });
            assert_near(&format!("{name}, batches of {batch_tokens}"), ours, &dense.to_f64());
        }
    }
}

#[test]
fn special_tokens_and_the_terms_beyond_a_limit_are_left_out() {
    let all = encoder("bert-mlm", &serde_json::json!({})).unwrap();
    let few = serde_json::json!({"special_terms": false, "document_terms": 3, "query_terms": 2, "threshold": 0.1});
    let few = encoder("bert-mlm", &few).unwrap();
    let text = ["the old tower"];
    let (all, documents, queries) =
        (all.encode_documents(&text).unwrap(), few.encode_documents(&text).unwrap(), few.encode_queries(&text).unwrap());
    assert_eq!((documents[0].0.len(), queries[0].0.len()), (3, 2));
    assert!(documents[0].0.iter().all(|pair| pair.0 > 4 && pair.1 > 0.1 && all[0].0.contains(pair)));
    assert!(queries[0].0.iter().all(|pair| documents[0].0.contains(pair)));
}

#[test]
fn a_model_that_is_no_masked_language_model_is_refused_by_name() {
    let reported = |model: &str, more: serde_json::Value| encoder(model, &more).err().expect("it is refused").to_string();
    let message = reported("deberta-v3", serde_json::json!({}));
    assert!(message.contains("`model_type`") && message.contains("expected bert or distilbert"), "{message}");
    let message = reported("minilm", serde_json::json!({}));
    assert!(message.contains("cls.predictions.transform.dense.weight is missing"), "{message}");
    let message = reported("bert-mlm", serde_json::json!({"max_length": 49}));
    assert!(message.contains("max_length is 49, expected 3 to 48"), "{message}");
}

/// A copy of a fixture's model, its weights called otherwise.
fn renamed(model: &str, rename: impl Fn(&str) -> String) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(fixture(model).join("config.json"), copy.path().join("config.json")).unwrap();
    let file = SafetensorsFile::open(fixture(model).join("model.safetensors")).unwrap();
    let tensors: Vec<(String, scaledown_sdk::Tensor)> =
        file.names().iter().map(|name| (rename(name), device().upload(&file.read(name).unwrap()).unwrap())).collect();
    let tensors = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.clone()));
    scaledown_sdk::nn::safetensors::write_safetensors(copy.path().join("model.safetensors"), tensors, &[]).unwrap();
    copy
}

#[test]
fn names_of_older_files_and_of_shared_tables_are_read() {
    for name in MODELS {
        let (batch, _) = unpadded(name);
        let logits = |directory: &Path| BertMaskedLm::from_directory(directory, &device())?.max_logits(&batch);
        let right = logits(&fixture(name)).unwrap();
        let old = renamed(name, |name| match name.rsplit_once('.') {
            Some((layer, "weight")) if layer.to_lowercase().ends_with("norm") => format!("{layer}.gamma"),
            Some((layer, "bias")) if layer.to_lowercase().ends_with("norm") => format!("{layer}.beta"),
            _ => name.to_owned(),
        });
        assert_eq!(logits(old.path()).unwrap(), right, "{name}: gamma and beta");
        if name.ends_with("untied") {
            continue;
        }
        let (table, head) = if name.starts_with("bert") {
            ("bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight")
        } else {
            ("distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight")
        };
        let shared = renamed(name, |name| if name == table { head.to_owned() } else { name.to_owned() });
        assert_eq!(logits(shared.path()).unwrap(), right, "{name}: only under the head's name");
    }
}
