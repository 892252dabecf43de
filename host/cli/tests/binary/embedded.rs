//! The quickstart, where the repository is not and where it is.

use std::path::Path;

use serde_json::Value;

use crate::command::run_in;
use crate::tiny::Tiny;

/// A run that ends soon.
const SHORT: [&str; 6] = [
    "training.max_steps=2",
    "training.batch_size=2",
    "training.micro_batch=2",
    "data.train_limit=4",
    "evaluation.examples=2",
    "evaluation.repetitions=1",
];

fn quickstart(settings: &[&str]) -> Vec<String> {
    let mut arguments = vec!["quickstart".to_owned(), "--json".into()];
    arguments.extend(settings.iter().flat_map(|setting| ["--set".to_owned(), (*setting).to_owned()]));
    arguments
}

#[test]
fn the_quickstart_needs_nothing_but_the_binary() {
    let (here, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let environment = [("XDG_CACHE_HOME", cache.path().to_str().unwrap()), ("HF_HUB_OFFLINE", "1")];
    let arguments = quickstart(&SHORT);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = run_in(here.path(), &arguments, &environment);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let metrics: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&metrics["examples"], &metrics["training"]["steps"]), (&2.into(), &2.into()), "{metrics}");
    // Both sides are measured in one way.
    for side in ["compressed", "uncompressed"] {
        assert!(metrics["speed"][side]["queries_per_second"].as_f64() > Some(0.0), "{metrics}");
    }
    assert!(metrics["speed"]["protocol"].as_str().unwrap().ends_with("median of 1 runs over 1 questions"), "{metrics}");
    assert!(here.path().join("runs/quickstart/report.html").is_file());

    // Its output suffices to answer a question, and the files that it names still exist.
    let resolved = here.path().join("runs/quickstart/config.toml");
    std::fs::write(here.path().join("documents.txt"), "The home of Hazel Brenow is Aspen Vale.\n").unwrap();
    let question = ["answer", resolved.to_str().unwrap(), "--query", "Where?", "--documents", "documents.txt"];
    let ran = run_in(here.path(), &question, &environment);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn a_file_of_the_working_directory_goes_over_the_embedded_one() {
    let here = tempfile::tempdir().unwrap();
    std::fs::create_dir(here.path().join("configs")).unwrap();
    std::fs::write(here.path().join("configs/quickstart.toml"), "[training]\nsed = 1\n").unwrap();
    let ran = run_in(here.path(), &["quickstart"], &[("XDG_CACHE_HOME", "/dev/null")]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("error: configs/quickstart.toml:2: training.sed: unknown key"), "{}", ran.err);
}

/// Sets every weight of a safetensors file to zero: such a model always generates token 0, which
/// has no text.
fn silence(file: &Path) {
    let mut content = std::fs::read(file).unwrap();
    let data = 8 + u64::from_le_bytes(content[..8].try_into().unwrap()) as usize;
    content[data..].fill(0);
    std::fs::write(file, content).unwrap();
}

#[test]
fn a_teacher_that_says_nothing_is_reported() {
    let tiny = Tiny::new();
    tiny.write("text.txt", "Aspen Vale grows peas.");
    let pretrain = ["pretrain", "base.toml", "--set", "training.max_steps=1", "--set", "output.directory=pretrained"];
    tiny.done(&[&pretrain[..], &["--set", "pretraining.text=text.txt"]].concat());
    silence(&tiny.path("pretrained/model/model.safetensors"));
    let mut arguments = quickstart(&[&SHORT[..], &["generator.model=./pretrained/model", "generator.init=pretrained"]].concat());
    arguments.insert(1, "tiny.toml".into());
    // It warns of documents that are cut.
    arguments.push("--quiet".into());
    let error = tiny.failed(&arguments, 1);
    assert!(error.starts_with("the teacher returned an empty answer to all 4 training questions"), "{error}");
}
