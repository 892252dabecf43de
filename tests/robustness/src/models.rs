//! The files that are damaged: tiny models and data, and what commands make of them.

use serde_json::{Value, json};

use crate::Place;

const ATLAS: &str = include_str!("../data/atlas.toml");
const BASE: &str = include_str!("../data/base.toml");
const TINY: &str = include_str!("../data/tiny.toml");
const INDEX: &str = include_str!("../data/index.toml");
const MODEL: &str = include_str!("../data/config.json");

/// Settings of a training of four steps, with checkpoints of the second and the fourth.
pub const TRAIN: [&str; 2] = ["train", "tiny.toml"];

impl Place {
    /// A place with a model's description (`generator`), records (`train.jsonl`,
    /// `atlas/test.jsonl`), a corpus and questions, and the configurations `tiny.toml`, `base.toml`
    /// and `index.toml` that name them.
    ///
    /// # Panics
    /// If the binary cannot make them.
    #[must_use]
    pub fn with_data() -> Self {
        let place = Place::new();
        place.write("atlas.toml", ATLAS);
        place.done(&["dataset", "atlas", "--out", "atlas", "--settings", "atlas.toml"]);
        let records = String::from_utf8(place.read("atlas/train.jsonl")).expect("text");
        let answered = |line: &str| {
            let mut record: Value = serde_json::from_str(line).expect("a record");
            record["answer"] = record["gold_answers"][0].clone();
            format!("{record}\n")
        };
        place.write("train.jsonl", records.lines().map(answered).collect::<String>());
        place.write("generator/config.json", MODEL);
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            place.write(format!("generator/{name}"), place.read(format!("atlas/{name}")));
        }
        let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../../host/cli/assets/atlas");
        for (name, text) in [("base.toml", BASE), ("tiny.toml", TINY), ("index.toml", &INDEX.replace("{models}", models))] {
            place.write(name, text);
        }
        // The first documents of the records, and their questions.
        let (mut corpus, mut questions) = (String::new(), String::new());
        for (number, line) in records.lines().take(8).enumerate() {
            let record: Value = serde_json::from_str(line).expect("a record");
            let text = record["documents"][0].as_str().or_else(|| record["documents"][0]["text"].as_str()).expect("a text");
            corpus += &format!("{}\n", json!({"id": format!("d{number}"), "title": "", "text": text}));
            questions += &format!("{}\n", json!({"id": format!("q{number}"), "query": record["query"]}));
        }
        place.write("corpus.jsonl", corpus);
        place.write("questions.jsonl", questions);
        place
    }
}

/// Writes the sizes and checksums of the files of a directory into its manifest, so that a damaged
/// one is read as a foreign one that is whole.
///
/// # Panics
/// If the directory has no manifest.
pub fn reseal(place: &Place, directory: &str) {
    let path = format!("{directory}/manifest.json");
    let mut manifest: Value = serde_json::from_slice(&place.read(&path)).expect("a manifest");
    let files = manifest["files"].as_object_mut().expect("files");
    let mut list = crc32fast::Hasher::new();
    for (name, entry) in files.iter_mut() {
        let content = place.read(format!("{directory}/{name}"));
        let (bytes, crc32) = (content.len(), crc32fast::hash(&content));
        list.update(format!("{name}\0{bytes} {crc32}\n").as_bytes());
        *entry = json!({"bytes": bytes, "crc32": crc32});
    }
    manifest["crc32"] = list.finalize().into();
    place.write(path, manifest.to_string());
}

/// The same for a directory of vectors.
///
/// # Panics
/// If it has no index.
pub fn reseal_vectors(place: &Place, directory: &str) {
    let path = format!("{directory}/index.json");
    let mut index: Value = serde_json::from_slice(&place.read(&path)).expect("an index");
    for shard in index["shards"].as_array_mut().expect("shards") {
        let content = place.read(format!("{directory}/{}", shard["file"].as_str().expect("a name")));
        shard["bytes"] = content.len().into();
        shard["crc32c"] = crc32c::crc32c(&content).into();
    }
    place.write(path, index.to_string());
}
