//! Published compressors of every layout, imported: their vectors and answers against PyTorch's.

use std::path::Path;

use scaledown_host::answer::{AnswerOptions, ContextMode, Session};
use scaledown_host::config::{Config, Overrides};
use scaledown_host::data::records::Record;
use scaledown_host::model::StoredOscar;
use scaledown_host::model::import::{ImportOptions, Imported, import};
use scaledown_sdk::component::PairBatch;
use scaledown_sdk::nn::{ForwardMode, Sampling, Widths};
use scaledown_sdk::tensor::no_grad;
use scaledown_tests::parity::{ComparisonReport, Fixture, Tolerance, directory};
use serde_json::Value;

/// Links the plugins in.
use scaledown as _;

/// The checkpoint's directory with a base model in place of the one that it names.
fn import_fixture(name: &str, model: &Path) -> Imported {
    let (source, generator, small) =
        (directory(&format!("published/{name}")), directory("published/generator"), directory("published/small"));
    let options = ImportOptions { source: &source, name, generator: generator.to_str(), compressor: small.to_str() };
    import(&options, model).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Compares the vectors of each document, and the answer, with those recorded.
fn compare(name: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let model = scratch.path().join("model");
    let imported = import_fixture(name, &model);
    assert!(!imported.licence.is_empty());
    let expected: Value =
        serde_json::from_slice(&std::fs::read(directory(&format!("published/{name}/expected.json"))).unwrap()).unwrap();
    let recorded = Fixture::read(&format!("published/{name}/expected.safetensors"));
    let (query, documents) = (expected["query"].as_str().unwrap(), &expected["documents"]);
    let documents: Vec<String> = serde_json::from_value(documents.clone()).unwrap();

    // The values were recorded in f32; the weights are stored in bf16.
    let overrides = Overrides::new(Vec::new(), vec!["training.dtype=\"f32\"".into()]);
    let config = Config::load(&model.join("config.toml"), &overrides).unwrap_or_else(|error| panic!("{error}"));
    let stored = StoredOscar::open(&model).unwrap_or_else(|error| panic!("{error}"));
    let device = scaledown_cpu::device().unwrap();
    let (for_model, for_compressor) = (config.for_model().unwrap(), config.for_compressor().unwrap());
    let session = Session::open(&for_model, &for_compressor, Some(&stored), &device).unwrap_or_else(|error| panic!("{error}"));

    let oscar = session.oscar();
    let prompted = oscar.compressed(query, &documents).unwrap();
    let mut report = ComparisonReport::new(name, Tolerance::F32);
    for (i, pair) in prompted.pairs.iter().enumerate() {
        let batch = PairBatch {
            ids: vec![pair.clone()],
            memory_tokens: oscar.lengths.memory_tokens,
            relevance: false,
            widths: Widths::default(),
        };
        let vectors = no_grad(|| oscar.compress(&batch, &mut ForwardMode::inference())).unwrap().vectors;
        let theirs = recorded.get(&format!("vectors.{i}"));
        let count = theirs.spec().shape.dims()[0];
        assert_eq!(prompted.lengths[i].vectors, count, "{name}: vectors of document {i}");
        let ours = vectors.slice(1, 0, count).unwrap().reshape(theirs.spec().shape.clone()).unwrap();
        report.tensor(&format!("vectors of document {i}"), &ours, theirs);
    }
    report.finish();

    let record = Record { id: "q".into(), query: query.into(), documents, ..Record::default() };
    let options = AnswerOptions {
        reading: ContextMode::Compressed,
        documents: 5,
        max_new_tokens: recorded.get("tokens").spec().shape.count(),
        stop: Vec::new(),
        sampling: Sampling::Greedy,
        batch: 1,
        widths: None,
        ignore_end: true,
    };
    let answers = session.ask(&[&record], &options).unwrap();
    assert_eq!(answers.answers[0].text, expected["answer"].as_str().unwrap().trim(), "{name}");
    assert_eq!(answers.lengths.documents, 3);
}

#[test]
fn pisco_answers_as_in_pytorch() {
    compare("pisco");
}

#[test]
fn clara_answers_as_in_pytorch() {
    compare("clara");
}

#[test]
fn oscar_answers_as_in_pytorch() {
    compare("oscar");
}

#[test]
fn naver_pisco_answers_as_in_pytorch() {
    compare("naver-pisco");
}

#[test]
fn what_cannot_be_imported_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let model = scratch.path().join("model");
    let generator = directory("published/generator");
    let refusal = |config: Value| {
        let source = scratch.path().join("source");
        std::fs::create_dir_all(&source).unwrap();
        std::fs::write(source.join("config.json"), config.to_string()).unwrap();
        let options = ImportOptions { source: &source, name: "x", generator: generator.to_str(), compressor: None };
        let message = import(&options, &model).unwrap_err().to_string();
        assert!(!model.exists(), "nothing is written");
        message
    };
    assert!(refusal(serde_json::json!({"model_type": "llama"})).contains("`model_type` is \"llama\", expected \"COCOM\""));
    let trimmed = refusal(serde_json::json!({"model_type": "COCOM", "compr_model_name": "mistral_trimmed"}));
    assert!(trimmed.contains("mistral_trimmed"), "{trimmed}");
    let rate = refusal(serde_json::json!({"model_type": "COCOM", "compr_rate": 256, "sep": true}));
    assert!(rate.contains("`compr_rate` is 256, more than `doc_max_length`, 128"), "{rate}");
    let files = refusal(serde_json::json!({"model_type": "COCOM", "compr_rate": 16, "compr_model_name": null, "sep": true}));
    assert!(files.contains("decoder_first_last_layers.pth"), "{files}");
}
