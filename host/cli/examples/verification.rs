//! What the verification of an index costs: opening and searching it when its files are verified,
//! and when a stamp says that they were.
//!
//! ```sh
//! cargo run --release --example verification -- DIRECTORY [DOCUMENTS]
//! ```
//!
//! Makes indexes of synthetic documents (50,000 if no number is given) under a directory, with
//! `bm25` and with `splade`, whose model is that of the quickstart. Those that are there are opened
//! again. The files are in the system's page cache.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use scaledown_host::config::{Config, Overrides};
use scaledown_host::plugins::{Component, registry};
use scaledown_host::retrieval::{SearchIndex, build};
use scaledown_host::support::progress::Silent;

/// Links the plugins in.
use scaledown as _;

/// How often each is measured; the table has the medians.
const REPETITIONS: usize = 7;
/// Words of a document.
const LENGTH: u64 = 80;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/atlas/splade");

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("expected a directory")?);
    let documents: u64 = arguments.next().map_or(Ok(50_000), |number| number.parse())?;
    let words = words()?;
    std::fs::create_dir_all(&directory)?;
    let corpus = directory.join(format!("corpus-{documents}.jsonl"));
    if !corpus.exists() {
        std::fs::write(&corpus, texts(&words, documents))?;
    }
    let query = words.iter().step_by(words.len() / 6).cloned().collect::<Vec<_>>().join(" ");
    println!("| retriever | files | verified | first opening | next opening | one search |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (plugin, keys) in [("bm25", String::new()), ("splade", format!("model = {MODEL:?}\n"))] {
        let place = directory.join(format!("{plugin}-{documents}"));
        let path = directory.join(format!("{plugin}.toml"));
        let text = format!(
            "[corpus]\nformat = \"jsonl\"\npath = {corpus:?}\n[index]\ndirectory = {place:?}\n[retriever]\nplugin = \"{plugin}\"\n{keys}"
        );
        std::fs::write(&path, text)?;
        let config = Config::load(&path, &Overrides::default())?;
        let (config, device) = (config.for_index()?, registry::device(&Component::new("cpu"))?);
        if !place.join("index.json").exists() {
            drop(build(&config, &device, false, &Silent::default())?);
        }
        let open = || SearchIndex::open(&config, &device);
        let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let mut note = |what, began: Instant| times.entry(what).or_default().push(began.elapsed().as_secs_f64() * 1000.0);
        for _ in 0..REPETITIONS {
            remove_stamps(&place)?;
            let began = Instant::now();
            let index = open()?;
            note("first", began);
            let began = Instant::now();
            index.search(&[&query], 10)?;
            note("search", began);
            let began = Instant::now();
            index.verify()?;
            note("verified", began);
            drop(index);
            let began = Instant::now();
            open()?;
            note("next", began);
        }
        let median = |what: &str| {
            let mut times = times.get(what).cloned().unwrap_or_default();
            times.sort_by(f64::total_cmp);
            times.get(times.len() / 2).copied().unwrap_or_default()
        };
        let (verified, first, next, search) = (median("verified"), median("first"), median("next"), median("search"));
        let size = bytes(&place)? as f64 / f64::from(1 << 20);
        println!("| `{plugin}` | {size:.0} MiB | {verified:.1} ms | {first:.1} ms | {next:.1} ms | {search:.1} ms |");
    }
    Ok(())
}

/// The words that the model knows.
fn words() -> Result<Vec<String>, Box<dyn Error>> {
    let tokenizer: serde_json::Value = serde_json::from_slice(&std::fs::read(Path::new(MODEL).join("tokenizer.json"))?)?;
    let vocabulary = tokenizer["model"]["vocab"].as_array().ok_or("no vocabulary")?;
    let words = vocabulary.iter().filter_map(|entry| entry[0].as_str()?.strip_prefix('▁'));
    Ok(words.filter(|word| word.len() > 2 && word.chars().all(char::is_alphabetic)).map(str::to_owned).collect())
}

/// Documents of words, of which the first are more frequent.
fn texts(words: &[String], documents: u64) -> String {
    let mut state = 1_u64;
    let mut drawn = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (state >> 11) as f64 / (1_u64 << 53) as f64;
        words[((uniform * uniform) * words.len() as f64) as usize].as_str()
    };
    let mut texts = String::new();
    for number in 0..documents {
        let text = (0..LENGTH).map(|_| drawn()).collect::<Vec<_>>().join(" ");
        texts += &format!("{{\"id\": \"d{number}\", \"text\": \"{text}\"}}\n");
    }
    texts
}

/// Removes the files that say that an index was verified.
fn remove_stamps(index: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(index)? {
        match std::fs::remove_file(entry?.path().join("verified.json")) {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The size of the files under a directory.
fn bytes(directory: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() { bytes(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}
