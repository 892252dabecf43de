//! Damaged inputs of every format: each is refused by its name, or read as what it says, and no
//! process hangs, panics or dies.

use std::io::Write;

use scaledown_robustness::{Place, Read, TRAIN, read, reseal, reseal_vectors};

/// The published checkpoints and models of the parity tests.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../parity/fixtures");

/// What is said of numbers that became NaN: a training finds them with its loss.
const NOT_FINITE: &str = "may be damaged: fetch or make them again";

/// A page of KILT's, with a heading and a list.
const KILT: &str = r#"{"_id": "1", "wikipedia_id": "290", "wikipedia_title": "A", "text": ["A\n", "A is a letter.\n", "Section::::History.\n", "BULLET::::- an item\n"], "anchors": []}
{"_id": "2", "wikipedia_id": 307, "wikipedia_title": "Copper", "text": ["Copper\n", "It is red.\n"]}
"#;

/// Lists, a table and a run with a name.
const SWEEP: &str = r#"extends = "tiny.toml"
[output]
directory = "swept"
[sweep]
combine = "grid"
"training.seed" = [1, 2]
compression.memory_tokens = [2, 3]
[sweep.runs.wide]
compression.memory_tokens = 4
training = { seed = 1, max_steps = 3 }
"#;

#[test]
fn configurations_records_and_corpora() {
    let place = Place::with_data();
    read("tiny.toml", &["config", "check", "tiny.toml"]).try_all(&place);
    Read { called: "tiny.toml", ..read("base.toml", &["config", "check", "tiny.toml"]) }.try_all(&place);
    place.write("sweep.toml", SWEEP);
    read("sweep.toml", &["config", "check", "sweep.toml"]).try_all(&place);
    read("train.jsonl", &["dataset", "check", "train.jsonl"]).try_all(&place);
    read("corpus.jsonl", &["corpus", "chunks", "index.toml"]).try_all(&place);
    read("questions.jsonl", &["corpus", "questions", "index.toml"]).try_all(&place);
    let beir = ["corpus", "chunks", "index.toml", "--set", "corpus.format=beir", "--set", "corpus.path=atlas"];
    read("atlas/corpus.jsonl", &beir).try_all(&place);
    let corpus = place.read("corpus.jsonl");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&corpus).expect("compressed");
    place.write("corpus.jsonl.gz", encoder.finish().expect("compressed"));
    place.write("corpus.jsonl.zst", zstd::encode_all(&corpus[..], 3).expect("compressed"));
    place.write("corpus.tsv", "a\tcopper and gold\nb\tsilver\nc\tcopper\n");
    place.write("docs/first.md", "# Copper\n\nIt is red.\n");
    place.write("corpus.kilt", KILT);
    let tables = concat!(env!("CARGO_MANIFEST_DIR"), "/../datasets/tables/kind-dictionary.parquet");
    place.write("corpus.parquet", std::fs::read(tables).expect("a table"));
    for (format, file) in [
        ("jsonl", "corpus.jsonl.gz"),
        ("jsonl", "corpus.jsonl.zst"),
        ("msmarco", "corpus.tsv"),
        ("kilt", "corpus.kilt"),
        ("parquet", "corpus.parquet"),
        ("files", "docs/first.md"),
    ] {
        let path = file.strip_suffix("/first.md").unwrap_or(file);
        let (format, path) = (format!("corpus.format={format}"), format!("corpus.path={path}"));
        let command = ["corpus", "chunks", "index.toml", "--set", &format, "--set", &path];
        Read { sealed: file.ends_with(".gz"), called: "docs", ..read(file, &command) }.try_all(&place);
    }
    place.write("run.txt", "q1 Q0 a 1 2.5 t\nq1 Q0 b 2 1.5 t\nq2 Q0 a 1 0.5 t\n");
    place.write("qrels.txt", "q1 0 a 1\nq1 0 b 0\nq2 0 a 2\n");
    for file in ["run.txt", "qrels.txt"] {
        read(file, &["evaluate-run", "run.txt", "qrels.txt"]).try_all(&place);
    }
}

#[test]
fn models_and_what_a_training_saves() {
    let place = Place::with_data();
    let train = ["train", "tiny.toml", "--set", "training.max_steps=1", "--set", "output.directory=once"];
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        Read { writes: "once", ..read(format!("generator/{file}"), &train) }.try_all(&place);
    }
    place.done(&["pretrain", "base.toml", "--set", "training.max_steps=1", "--set", "output.directory=base"]);
    for file in ["config.json", "model.safetensors"] {
        Read { called: "base/model", ..read(format!("base/model/{file}"), &["inspect", "model", "base/model"]) }.try_all(&place);
    }
    place.done(&TRAIN);
    place.write("documents.txt", "The home of Hazel Brenow is Aspen Vale.\n");
    let answer = ["answer", "tiny.toml", "--query", "Where?", "--documents", "documents.txt"];
    for (file, _) in place.files("run/model") {
        // The manifest has the checksums, and none of its own.
        let sealed = !["config.toml", "manifest.json"].contains(&file.as_str());
        if file != "manifest.json" {
            // A model, or an adapter of PEFT, that another program wrote.
            let prepare = |place: &Place| reseal(place, "run/model");
            Read { prepare, called: "run/model", ..read(format!("run/model/{file}"), &answer) }.try_all(&place);
        }
        Read { sealed, called: "run/model", ..read(format!("run/model/{file}"), &answer) }.try_all(&place);
    }
    let newest = "run/checkpoints/step-00000004";
    for (file, _) in place.files(newest) {
        let resume = ["train", "tiny.toml", "--resume"];
        if file != "manifest.json" {
            let prepare = |place: &Place| reseal(place, "run/checkpoints/step-00000004");
            Read { prepare, called: "step-00000004", ..read(format!("{newest}/{file}"), &resume) }.try_all(&place);
        }
        Read { sealed: file != "manifest.json", called: "step-00000004", ..read(format!("{newest}/{file}"), &resume) }
            .try_all(&place);
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
            Read { sealed: true, called: "index", ..read(format!("index/{file}"), &search) }.try_all(&place);
        }
    }
    place.done(&["prepare", "index.toml"]);
    let resume = ["prepare", "index.toml", "--resume", "--json"];
    for (file, _) in place.files("prepared") {
        if file.starts_with("journal") {
            Read { called: "prepared", ..read(format!("prepared/{file}"), &resume) }.try_all(&place);
        }
    }
}

/// What a training printed of its result.
fn loss(_: &Place, out: &[u8]) -> Vec<u8> {
    let printed: serde_json::Value = serde_json::from_slice(out).expect("printed as JSON");
    printed["final_loss"].to_string().into_bytes()
}

#[test]
fn stored_vectors() {
    let place = Place::with_data();
    let plain = |directory: &str| {
        let directory = format!("output.directory={directory}");
        ["--set", "compression.query=false", "--set", &directory].map(str::to_owned).to_vec()
    };
    let with = |command: &[&str], directory: &str| -> Vec<String> {
        command.iter().map(|&argument| argument.to_owned()).chain(plain(directory)).collect()
    };
    let done = |command: Vec<String>| place.done(&command.iter().map(String::as_str).collect::<Vec<_>>());
    done(with(&TRAIN, "run"));
    let compress = with(&["compress", "tiny.toml", "--records", "train.jsonl", "--out", "vectors"], "run");
    done(compress.clone());
    let from = ["training.max_steps=1", "training.init_from=run/model", "compression.vectors=vectors"];
    let train = [&TRAIN[..], &["--json"], &from.map(|setting| ["--set", setting]).concat()].concat();
    let train = with(&train, "once");
    let train: Vec<&str> = train.iter().map(String::as_str).collect();
    let compress: Vec<&str> = compress.iter().map(String::as_str).collect();
    for (file, _) in place.files("vectors") {
        let path = format!("vectors/{file}");
        Read { sealed: true, called: "vectors", writes: "once", result: loss, ..read(&path, &train) }.try_all(&place);
        Read { called: "vectors", ..read(&path, &compress) }.try_all(&place);
        if file != "index.json" {
            let prepare = |place: &Place| reseal_vectors(place, "vectors");
            Read { prepare, called: NOT_FINITE, writes: "once", ..read(&path, &train) }.try_all(&place);
        }
    }
}

#[test]
fn models_of_others() {
    let place = Place::with_data();
    let fixture = |name: &str| std::fs::read(format!("{FIXTURES}/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"));
    place.write("generator.gguf", fixture("gguf/generator.gguf"));
    let train = ["train", "tiny.toml", "--set", "generator.model=./generator.gguf", "--set", "generator.init=pretrained"];
    let train = [&train[..], &["--set", "training.max_steps=1", "--set", "output.directory=once"]].concat();
    Read { writes: "once", called: NOT_FINITE, ..read("generator.gguf", &train) }.try_all(&place);

    // Weights in one file, which an index names.
    let weights = fixture("qwen2/model.safetensors");
    let header = 8 + u64::from_le_bytes(weights[..8].try_into().expect("eight bytes")) as usize;
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&weights[8..header]).expect("a header");
    let shard = "model-00001-of-00001.safetensors";
    let names = header.keys().filter(|name| *name != "__metadata__");
    let map: serde_json::Map<_, _> = names.map(|name| (name.clone(), shard.into())).collect();
    place.write("sharded/config.json", fixture("qwen2/config.json"));
    place.write(format!("sharded/{shard}"), weights);
    let index = serde_json::json!({"metadata": {"total_size": 1}, "weight_map": map});
    place.write("sharded/model.safetensors.index.json", format!("{index:#}"));
    place.write("tokens.json", "{\"input_ids\": [[5, 6, 7, 8]]}");
    let forward = ["inspect", "forward", "--model", "sharded", "--tokens", "tokens.json", "--out", "forward.safetensors"];
    for file in ["model.safetensors.index.json", shard, "config.json"] {
        Read { called: "sharded", writes: "forward.safetensors", ..read(format!("sharded/{file}"), &forward) }.try_all(&place);
    }
}

#[test]
fn published_checkpoints() {
    let place = Place::new();
    let generator = format!("{FIXTURES}/published/generator");
    for (name, files) in [
        ("pisco", ["adapters.pth", "decoder_first_last_layers.pth", "config.json"]),
        ("naver-pisco", ["connector.pt", "decoder_state.pt", "config.json"]),
    ] {
        for directory in ["", "compressor/", "compressor_tokenizer/", "decoder_tokenizer/"] {
            for entry in std::fs::read_dir(format!("{FIXTURES}/published/{name}/{directory}")).into_iter().flatten().flatten() {
                if entry.path().is_file() {
                    let content = std::fs::read(entry.path()).expect("a file");
                    place.write(format!("{name}/{directory}{}", entry.file_name().to_string_lossy()), content);
                }
            }
        }
        let import = ["import", name, "--out", "imported", "--generator", &generator];
        let imported = |place: &Place, _: &[u8]| place.files("imported").into_iter().flat_map(|(_, content)| content).collect();
        for file in files {
            // An archive has a checksum of each of its files.
            let sealed = !file.ends_with(".json");
            let (called, writes) = (if sealed { "" } else { name }, "imported");
            Read { sealed, called, writes, result: imported, ..read(format!("{name}/{file}"), &import) }.try_all(&place);
        }
    }
}

#[test]
fn plugins() {
    let place = Place::with_data().without_limit();
    let component = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/letters.wasm");
    place.write("letters.wasm", std::fs::read(component).expect("a component"));
    let inspect: serde_json::Value =
        serde_json::from_slice(&place.done(&["plugin", "inspect", "letters.wasm", "--json"])).expect("printed as JSON");
    let digest = inspect["sha256"].as_str().expect("a checksum");
    read("letters.wasm", &["plugin", "inspect", "letters.wasm"]).try_all(&place);
    let index = |plugin: &str| {
        let retriever = "[retriever]\nplugin = \"letters\"\n";
        let text = String::from_utf8(place.read("index.toml")).expect("text");
        format!("{}[plugins.letters]\n{plugin}\n", text.replace("[retriever]\nplugin = \"bm25\"\n", retriever))
    };
    place.write("any.toml", index("path = \"letters.wasm\""));
    place.write("sealed.toml", index(&format!("path = \"letters.wasm\"\nsha256 = \"{digest}\"")));
    place.write("locked.toml", index("source = \"letters.wasm\""));
    // What it does while it runs is its own, and none of the host's faults.
    Read { called: "letters", writes: "index", ..read("letters.wasm", &["index", "build", "any.toml"]) }.try_all(&place);
    Read { sealed: true, called: "letters", ..read("letters.wasm", &["config", "check", "sealed.toml"]) }.try_all(&place);
    place.done(&["plugin", "install", "letters.wasm"]);
    read("plugins.lock", &["config", "check", "locked.toml"]).try_all(&place);
    let installed = format!("home/data/scaledown/plugins/{digest}.wasm");
    Read { sealed: true, called: "letters", ..read(installed, &["config", "check", "locked.toml"]) }.try_all(&place);
}
