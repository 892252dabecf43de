//! Ready-made sets, corpora and questions, from the command line.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{Ran, run_in};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/datasets").canonicalize().unwrap()
}

fn fixture(name: &str) -> String {
    fixtures().join(name).to_str().unwrap().to_owned()
}

/// The sets of the hub: repository, directory and name of the table.
const SETS: [(&str, &str, &str); 4] = [
    ("rajpurkar/squad", "plain_text", "squad"),
    ("google-research-datasets/natural_questions", "default", "natural-questions"),
    ("mandarjoshi/trivia_qa", "rc.wikipedia", "trivia-qa"),
    ("hotpotqa/hotpot_qa", "distractor", "hotpot-qa"),
];

/// A hub that has one table of each set. It lives as long as the process.
fn hub() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    format!("http://{address}")
}

fn serve(mut stream: TcpStream) {
    let lines: Vec<String> =
        BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
    let path = lines[0].split(' ').nth(1).unwrap().to_owned();
    let range = lines.iter().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let body = SETS.iter().find_map(|(repository, directory, name)| {
        let table = format!("{directory}/train-00000-of-00001.parquet");
        if path == format!("/api/datasets/{repository}/revision/main") {
            return Some(format!("{{\"sha\": \"abc\", \"siblings\": [{{\"rfilename\": \"{table}\"}}]}}").into_bytes());
        }
        (path == format!("/datasets/{repository}/resolve/main/{table}"))
            .then(|| std::fs::read(fixture(&format!("tables/{name}.parquet"))).unwrap())
    });
    let (status, body) = body.map_or(("404 Not Found", Vec::new()), |body| ("206 Partial Content", body));
    let first: usize = range.as_deref().and_then(|range| range.split('-').next()?.parse().ok()).unwrap_or(0);
    let part = if range.as_deref() == Some("0-0") { body.get(..1) } else { body.get(first..) };
    let part = part.unwrap_or_default();
    let headers = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{}/{}\r\nETag: \"e{}\"\r\nX-Repo-Commit: abc\r\nConnection: close\r\n\r\n",
        part.len(),
        body.len().saturating_sub(1),
        body.len(),
        path.replace('/', "-"),
    );
    stream.write_all(headers.as_bytes()).and_then(|()| stream.write_all(part)).unwrap();
}

fn records(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn all_sets_come_from_the_hub_once() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let hub = hub();
    let run = |arguments: &[&str], offline: &str| -> Ran {
        let environment = [("HF_ENDPOINT", hub.as_str()), ("HF_HUB_CACHE", cache.to_str().unwrap()), ("HF_HUB_OFFLINE", offline)];
        run_in(directory.path(), &[&["dataset"][..], arguments].concat(), &environment)
    };
    let ran = run(&["all", "--num-examples", "2", "--out", "all.jsonl", "--json"], "0");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let outcome: Value = serde_json::from_str(&ran.out).unwrap();
    let counts: Vec<u64> = outcome["sets"].as_array().unwrap().iter().map(|set| set["records"].as_u64().unwrap()).collect();
    assert_eq!(counts, [2, 2, 1, 1]);
    assert!(ran.err.contains("warning: trivia-qa: wrote 1 records, fewer than the 2 requested"), "{}", ran.err);
    let written = records(&directory.path().join("all.jsonl"));
    assert_eq!(
        written.iter().map(|record| record["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["squad-s0", "squad-s1", "natural-questions-n1", "natural-questions-n3", "trivia-qa-t1", "hotpot-qa-h1"]
    );
    let checked = run_in(directory.path(), &["dataset", "check", "all.jsonl"], &[]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    // A cached file needs no hub.
    let ran = run(&["squad", "--out", "squad.jsonl"], "1");
    assert_eq!((ran.code, records(&directory.path().join("squad.jsonl")).len()), (0, 5), "{}", ran.err);
    let ran = run(&["squad", "--split", "dev", "--out", "none.jsonl"], "0");
    assert_eq!((ran.code, directory.path().join("none.jsonl").exists()), (1, false));
    assert!(
        ran.err.contains("squad has no split `validation` in rajpurkar/squad on http://127.0.0.1")
            && ran.err.ends_with("it has train\n"),
        "{}",
        ran.err
    );
}

#[test]
fn local_copies_become_records_to_train_on() {
    let directory = tempfile::tempdir().unwrap();
    for (set, name, count) in [
        ("squad", "squad-v1.1.json", 3),
        ("squad", "squad-v2.0.json", 1),
        ("squad", "tables/squad.parquet", 5),
        ("natural-questions", "nq-open.jsonl", 2),
        ("trivia-qa", "trivia-qa/qa/wikipedia-dev.json", 2),
        ("hotpot-qa", "hotpot-distractor.json", 1),
    ] {
        let ran = run_in(directory.path(), &["dataset", set, "--from", &fixture(name), "--out", "out/r.jsonl"], &[]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.err);
        assert_eq!(records(&directory.path().join("out/r.jsonl")).len(), count, "{name}");
        assert_eq!(run_in(directory.path(), &["dataset", "check", "out/r.jsonl"], &[]).code, 0, "{name}");
    }
    let ran =
        run_in(directory.path(), &["dataset", "hotpot-qa", "--from", &fixture("nq-open.jsonl"), "--out", "none.jsonl"], &[]);
    assert_eq!((ran.code, directory.path().join("none.jsonl").exists()), (1, false));
    assert!(ran.err.contains("nq-open.jsonl:1: `context`: missing"), "{}", ran.err);
}

#[test]
fn a_corpus_and_its_questions_are_shown() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("docs")).unwrap();
    std::fs::write(directory.path().join("docs/loom.md"), "# Birch Loom\nThe Birch Loom is framed in walnut.\n").unwrap();
    let config = "[corpus]\nformat = \"files\"\npath = \"docs\"\n[corpus.chunking]\nsize = 4\n[questions]\nformat = \"synthetic\"\nseed = 3\n";
    std::fs::write(directory.path().join("c.toml"), config).unwrap();
    assert_eq!(run_in(directory.path(), &["config", "check", "c.toml", "--strict"], &[]).code, 0);
    let ran = run_in(directory.path(), &["corpus", "chunks", "c.toml"], &[]);
    let first = r#"{"id":"loom.md#0","text":"Birch Loom. The Birch Loom is"}"#;
    assert_eq!(ran.out, format!("{first}\n{}\n", r#"{"id":"loom.md#1","text":"Birch Loom. framed in walnut."}"#), "{}", ran.err);
    assert_eq!(run_in(directory.path(), &["corpus", "chunks", "c.toml", "--first", "1"], &[]).out, format!("{first}\n"));
    let ran = run_in(directory.path(), &["corpus", "questions", "c.toml"], &[]);
    let question: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(question["gold_answers"][0], "Birch Loom");
    assert_eq!(question["query"], "Fill in the blank: The ____ is framed in walnut.");
}

#[test]
fn a_corpus_that_cannot_be_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("c.jsonl"), "{\"id\": 1, \"text\": \"x\"}\nno\n").unwrap();
    let reported = |config: &str| {
        std::fs::write(directory.path().join("c.toml"), config).unwrap();
        let ran = run_in(directory.path(), &["config", "check", "c.toml", "--strict"], &[]);
        assert_eq!(ran.code, 1, "{config}");
        ran.err.replace(directory.path().to_str().unwrap(), "DIR")
    };
    let corpus = "[corpus]\nformat = \"jsonl\"\npath = \"c.jsonl\"\n";
    for (config, message) in [
        ("[corpus]\nformat = \"jsonl\"\npath = \"none\"\n".to_owned(), "c.toml:3: corpus.path: DIR/none does not exist"),
        (
            "[corpus]\nformat = \"json\"\npath = \"c.jsonl\"\n".to_owned(),
            "c.toml:2: corpus.format: found the string \"json\", expected one of",
        ),
        (format!("{corpus}fields.txt = \"x\"\n"), "corpus.fields.txt: unknown key; did you mean `text`?"),
        (
            format!("{corpus}[corpus.chunking]\nstride = 101\n"),
            "c.toml:5: corpus.chunking.stride: found 101, expected at most the size, 100",
        ),
        (format!("{corpus}[corpus.chunking]\nunit = \"tokens\"\n"), "corpus.chunking.tokenizer: is missing"),
        (
            format!("{corpus}[corpus.chunking]\nunit = \"tokens\"\ntokenizer = \"./\"\n"),
            "corpus.chunking.tokenizer: DIR has no tokenizer.json",
        ),
        ("[questions]\nformat = \"synthetic\"\n".to_owned(), "c.toml:2: questions.format: synthetic questions need a corpus"),
        ("[questions]\nformat = \"text\"\n".to_owned(), "questions.path: is missing"),
    ] {
        let reported = reported(&config);
        assert!(reported.contains(message), "{config}: {reported}");
    }
    std::fs::write(directory.path().join("c.toml"), corpus).unwrap();
    let ran = run_in(directory.path(), &["corpus", "chunks", "c.toml"], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("c.jsonl:2: not valid JSON"), "{}", ran.err);
    let ran = run_in(directory.path(), &["corpus", "questions", "c.toml"], &[]);
    assert!(ran.err.contains("questions: missing; this command needs a table"), "{}", ran.err);
}
