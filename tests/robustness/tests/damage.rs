//! Damaged inputs of every format: each is refused by its name, or read as what it says, and no
//! process hangs, panics or dies.

use std::io::Write;

use scaledown_robustness::{Ended, Place, Random, TRAIN, mutated, setting};

/// A file, and the command that reads it.
struct Read<'a> {
    file: String,
    command: &'a [&'a str],
    /// What else a message may call it by.
    called: &'a str,
    /// Whether the file has a checksum, so that damage must be found.
    sealed: bool,
    /// What the command writes, which is removed before it.
    writes: &'a str,
}

fn read<'a>(file: impl Into<String>, command: &'a [&'a str]) -> Read<'a> {
    Read { file: file.into(), command, called: "", sealed: false, writes: "none" }
}

/// Tries damaged versions of a file, then restores it.
fn try_all(place: &Place, Read { file, command, called, sealed, writes }: Read<'_>) {
    let whole = place.read(&file);
    let sound = place.run(command);
    assert_eq!(sound.code, Some(0), "{file}: {}", sound.err);
    let (seed, inputs) = (setting("ROBUSTNESS_SEED", 1), setting("ROBUSTNESS_INPUTS", 8));
    let mut random = Random::new(seed, &file);
    let mut accepted = 0;
    for number in 0..inputs {
        let content = mutated(&whole, &mut random);
        if content == whole {
            continue;
        }
        place.write(&file, &content);
        place.remove(writes);
        let ended = place.run(command);
        let fault = fault(&ended).or_else(|| match ended.code {
            Some(0) => {
                accepted += 1;
                (sealed && ended.out != sound.out && !is_same_json(&content, &whole)).then(|| "it was accepted".to_owned())
            }
            _ => {
                let name = file.rsplit('/').next().unwrap_or(&file);
                let named = ended.err.contains(name) || (!called.is_empty() && ended.err.contains(called));
                (!named).then(|| "the message does not name the file".to_owned())
            }
        });
        if let Some(fault) = fault {
            let kept = std::env::temp_dir().join(format!("robustness-{seed}-{number}-{}", file.replace('/', "_")));
            std::fs::write(&kept, &content).expect("written");
            panic!("{file}, seed {seed}, input {number} ({}): {fault}: {:?} {}", kept.display(), ended.code, ended.err);
        }
    }
    place.remove(writes);
    place.write(&file, &whole);
    println!("{file}: {inputs} inputs, {accepted} accepted");
}

/// What no input may do, whatever it is.
fn fault(ended: &Ended) -> Option<String> {
    let slow = std::time::Duration::from_secs(10);
    match ended.code {
        None => Some("a signal ended it, or it did not end".into()),
        Some(code) if !(0..=2).contains(&code) => Some(format!("it ended with {code}")),
        _ if ended.err.contains("panicked") => Some("it panicked".into()),
        _ if ended.time > slow => Some(format!("it took {:?}", ended.time)),
        _ => None,
    }
}

/// Whether two texts are one JSON value, in other white space.
fn is_same_json(one: &[u8], other: &[u8]) -> bool {
    let parsed = |bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    parsed(one).is_some_and(|value| Some(value) == parsed(other))
}

#[test]
fn configurations_records_and_corpora() {
    let place = Place::with_data();
    try_all(&place, read("tiny.toml", &["config", "check", "tiny.toml"]));
    try_all(&place, Read { called: "tiny.toml", ..read("base.toml", &["config", "check", "tiny.toml"]) });
    try_all(&place, read("train.jsonl", &["dataset", "check", "train.jsonl"]));
    try_all(&place, read("corpus.jsonl", &["corpus", "chunks", "index.toml"]));
    try_all(&place, read("questions.jsonl", &["corpus", "questions", "index.toml"]));
    let beir = ["corpus", "chunks", "index.toml", "--set", "corpus.format=beir", "--set", "corpus.path=atlas"];
    try_all(&place, read("atlas/corpus.jsonl", &beir));
    let corpus = place.read("corpus.jsonl");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&corpus).expect("compressed");
    place.write("corpus.jsonl.gz", encoder.finish().expect("compressed"));
    place.write("corpus.jsonl.zst", zstd::encode_all(&corpus[..], 3).expect("compressed"));
    place.write("corpus.tsv", "a\tcopper and gold\nb\tsilver\nc\tcopper\n");
    place.write("docs/first.md", "# Copper\n\nIt is red.\n");
    let tables = concat!(env!("CARGO_MANIFEST_DIR"), "/../datasets/tables/kind-dictionary.parquet");
    place.write("corpus.parquet", std::fs::read(tables).expect("a table"));
    for (format, file) in [
        ("jsonl", "corpus.jsonl.gz"),
        ("jsonl", "corpus.jsonl.zst"),
        ("msmarco", "corpus.tsv"),
        ("parquet", "corpus.parquet"),
        ("files", "docs/first.md"),
    ] {
        let path = file.strip_suffix("/first.md").unwrap_or(file);
        let (format, path) = (format!("corpus.format={format}"), format!("corpus.path={path}"));
        let command = ["corpus", "chunks", "index.toml", "--set", &format, "--set", &path];
        try_all(&place, Read { sealed: file.ends_with(".gz"), called: "docs", ..read(file, &command) });
    }
    place.write("run.txt", "q1 Q0 a 1 2.5 t\nq1 Q0 b 2 1.5 t\nq2 Q0 a 1 0.5 t\n");
    place.write("qrels.txt", "q1 0 a 1\nq1 0 b 0\nq2 0 a 2\n");
    for file in ["run.txt", "qrels.txt"] {
        try_all(&place, read(file, &["evaluate-run", "run.txt", "qrels.txt"]));
    }
}

#[test]
fn models_and_what_a_training_saves() {
    let place = Place::with_data();
    let train = ["train", "tiny.toml", "--set", "training.max_steps=1", "--set", "output.directory=once"];
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        try_all(&place, Read { writes: "once", ..read(format!("generator/{file}"), &train) });
    }
    place.done(&["pretrain", "base.toml", "--set", "training.max_steps=1", "--set", "output.directory=base"]);
    for file in ["config.json", "model.safetensors"] {
        try_all(&place, Read { called: "base/model", ..read(format!("base/model/{file}"), &["inspect", "model", "base/model"]) });
    }
    place.done(&TRAIN);
    place.write("documents.txt", "The home of Hazel Brenow is Aspen Vale.\n");
    let answer = ["answer", "tiny.toml", "--query", "Where?", "--documents", "documents.txt"];
    for (file, _) in place.files("run/model") {
        // The manifest has the checksums, and none of its own.
        let sealed = !["config.toml", "manifest.json"].contains(&file.as_str());
        try_all(&place, Read { sealed, called: "run/model", ..read(format!("run/model/{file}"), &answer) });
    }
    let newest = "run/checkpoints/step-00000004";
    for (file, _) in place.files(newest) {
        let resume = ["train", "tiny.toml", "--resume"];
        try_all(
            &place,
            Read { sealed: file != "manifest.json", called: "step-00000004", ..read(format!("{newest}/{file}"), &resume) },
        );
    }
}

#[test]
fn indexes_and_journals() {
    let place = Place::with_data();
    place.done(&["index", "build", "index.toml"]);
    let search = ["index", "search", "index.toml", "--query", "the home", "--json"];
    let _ = place.done(&search);
    for (file, _) in place.files("index") {
        if !(file.ends_with("LOCK") || file.ends_with(".lock") || file.ends_with("verified.json") || file.contains("/.")) {
            try_all(&place, Read { sealed: true, called: "index", ..read(format!("index/{file}"), &search) });
        }
    }
    place.done(&["prepare", "index.toml"]);
    let resume = ["prepare", "index.toml", "--resume", "--json"];
    for (file, _) in place.files("prepared") {
        if file.starts_with("journal") {
            try_all(&place, Read { called: "prepared", ..read(format!("prepared/{file}"), &resume) });
        }
    }
}
