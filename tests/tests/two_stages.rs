//! Training in two stages, and answers, from documents' vectors that were computed once.

use std::path::{Path, PathBuf};

use scaledown_host::answer::{AnswerOptions, Answers, ContextMode, Session};
use scaledown_host::config::{Config, Overrides};
use scaledown_host::data::records::Record;
use scaledown_host::model::StoredOscar;
use scaledown_host::model::import::{ImportOptions, import};
use scaledown_host::run::{self, Context, RunStart};
use scaledown_host::support::progress::Silent;
use scaledown_sdk::nn::Sampling;
use scaledown_tests::parity::directory;
use serde_json::json;

/// Links the plugins in.
use scaledown as _;

const DOCUMENTS: [&str; 3] = ["The river ends in the lake.", "Hills stand around it.", "A lake without a river."];
const QUERY: &str = "Where does the river end?";

/// An imported model whose compressor does not read the question, and a file of records.
struct Place {
    scratch: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Place::of("pisco")
    }

    fn of(name: &str) -> Self {
        let place = Place { scratch: tempfile::tempdir().unwrap() };
        let (source, generator) = (directory(&format!("published/{name}")), directory("published/generator"));
        let options = ImportOptions { source: &source, name, generator: generator.to_str(), compressor: None };
        import(&options, &place.path("model")).unwrap();
        let records = [&DOCUMENTS[..2], &DOCUMENTS[1..]]
            .map(|documents| json!({"query": QUERY, "documents": documents, "answer": "in the lake"}).to_string());
        std::fs::write(place.path("records.jsonl"), records.join("\n")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn config(&self, settings: &[(&str, String)]) -> Config {
        let settings = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let overrides = Overrides::new(Vec::new(), settings);
        Config::load(&self.path("model").join("config.toml"), &overrides).unwrap_or_else(|error| panic!("{error}"))
    }

    fn compress(&self) -> run::CompressedDocuments {
        let (model, records) = (self.path("model"), self.path("records.jsonl"));
        let done = run::compress(&self.config(&[]), Some(&model), Some(&records), &self.path("vectors"), &Silent::default());
        done.unwrap_or_else(|error| panic!("{error}"))
    }
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

fn ask(config: &Config, model: &Path) -> (Answers, f64) {
    let stored = StoredOscar::open(model).unwrap();
    let device = scaledown_cpu::device().unwrap();
    let (for_model, for_compressor) = (config.for_model().unwrap(), config.for_compressor().unwrap());
    let session = Session::open(&for_model, &for_compressor, Some(&stored), &device).unwrap_or_else(|error| panic!("{error}"));
    let record =
        Record { id: "q".into(), query: QUERY.into(), documents: DOCUMENTS.map(str::to_owned).into(), ..Record::default() };
    let options = AnswerOptions {
        reading: ContextMode::Compressed,
        documents: 3,
        max_new_tokens: 6,
        stop: Vec::new(),
        sampling: Sampling::Greedy,
        batch: 1,
        widths: None,
        ignore_end: true,
    };
    let answers = session.ask(&[&record], &options).unwrap();
    let flops = answers.phases.compress_flops as f64;
    (answers, flops)
}

#[test]
fn vectors_are_computed_once_and_answers_read_them() {
    let place = Place::new();
    let done = place.compress();
    assert_eq!((done.computed, done.stored, done.interrupted), (3, 3, false), "each document once");
    assert_eq!(place.compress().computed, 0, "what is there is not computed again");
    let (computed, work) = ask(&place.config(&[]), &place.path("model"));
    let with = place.config(&[("compression.vectors", quoted(&place.path("vectors")))]);
    let (read, none) = ask(&with, &place.path("model"));
    assert_eq!(read.answers[0].text, computed.answers[0].text);
    assert!(work > 0.0 && none == 0.0, "{none} operations of the compressor, {work} without stored vectors");
}

#[test]
fn vectors_are_found_where_the_generators_adapter_is_merged() {
    let place = Place::of("naver-pisco");
    assert_eq!(place.compress().computed, 3);
    let with = place.config(&[("compression.vectors", quoted(&place.path("vectors")))]);
    let (_, work) = ask(&with, &place.path("model"));
    assert!(work == 0.0, "{work} operations of the compressor with stored vectors");
}

#[test]
fn the_generator_alone_learns_from_stored_vectors() {
    let place = Place::new();
    place.compress();
    let config = place.config(&[
        ("compression.vectors", quoted(&place.path("vectors"))),
        ("training.init_from", quoted(&place.path("model"))),
        ("training.dtype", "f32".into()),
        ("training.batch_size", "2".into()),
        ("training.epochs", "3".into()),
        ("training.max_steps", "3".into()),
        ("training.lr_generator", "1e-3".into()),
        ("data.train", quoted(&place.path("records.jsonl"))),
        ("output.directory", quoted(&place.path("run"))),
    ]);
    let context = Context { progress: &Silent::default(), start: RunStart::New, command: "scaledown train".into() };
    let outcome = run::train(&config, &context).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(outcome.steps, 3);
    let tensors = |model: &str, file: &str| {
        let bytes = std::fs::read(place.path(model).join(file)).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let values = |view: &safetensors::tensor::TensorView<'_>| -> Vec<f32> {
            match view.dtype() {
                safetensors::Dtype::BF16 => {
                    view.data().chunks_exact(2).map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
                }
                _ => view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            }
        };
        let mut all: Vec<(String, Vec<f32>)> = tensors.iter().map(|(name, view)| (name.to_owned(), values(&view))).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    assert_eq!(tensors("run/model", "compressor.safetensors"), tensors("model", "compressor.safetensors"));
    assert_ne!(tensors("run/model", "adapter_model.safetensors"), tensors("model", "adapter_model.safetensors"));
}

#[test]
fn a_compressor_that_reads_the_question_keeps_no_vectors() {
    let place = Place::new();
    let config = place.config(&[("compression.query", "true".into())]);
    let (model, records) = (place.path("model"), place.path("records.jsonl"));
    let error = run::compress(&config, Some(&model), Some(&records), &place.path("vectors"), &Silent::default()).unwrap_err();
    assert!(error.to_string().contains("compression.query = false"), "{error}");
}
