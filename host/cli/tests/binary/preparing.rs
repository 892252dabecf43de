//! Questions and a corpus to training records: searching, ranking and answering with the embedded
//! default's models; kills, full disks and shards.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::tiny::{Tiny, finish, poll, start};

/// A corpus of 180 documents and 40 questions, and the models of the embedded default in every
/// role.
fn prepared() -> Tiny {
    let tiny = Tiny::new();
    let atlas = "people = 60\nplaces = 60\nthings = 60\ntrain_records = 40\nvalidation_records = 1\ntest_records = 4\n\
        documents_per_record = 3\npretraining = []\n";
    tiny.write("questions.toml", atlas);
    tiny.done(&["dataset", "atlas", "--out", "atlas", "--settings", "questions.toml"]);
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/cli/assets/atlas");
    let config = format!(
        r#"
[corpus]
format = "beir"
path = "atlas"
[questions]
format = "jsonl"
path = "atlas/queries/train.jsonl"
fields = {{ answers = "gold_answers" }}
[index]
directory = "index"
[retriever]
plugin = "splade"
model = "{0}/splade"
[reranker]
plugin = "deberta"
model = "{0}/deberta"
[teacher]
plugin = "mistral"
model = "{0}/generator"
chat_template = false
max_new_tokens = 8
batch_size = 4
[preparation]
retrieve = 8
keep = 3
block = 4
[prompt]
system = ""
user = "<s><doc>{{{{ documents }}}}<q>{{{{ query }}}}<a>"
separator = "<doc>"
chat_template = false
[output]
directory = "run"
"#,
        models.display()
    );
    tiny.write("prepare.toml", config);
    tiny
}

fn records(tiny: &Tiny, file: &str) -> Vec<Value> {
    tiny.read(file).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn questions_become_records_with_documents_scores_and_answers() {
    let tiny = prepared();
    let made: Value = serde_json::from_str(&tiny.done(&["prepare", "prepare.toml", "--json"])).unwrap();
    assert_eq!(made["questions"], 40);
    let records = records(&tiny, "run/records.jsonl");
    assert_eq!(made["counts"]["records"], records.len());
    assert!(records.len() >= 38, "{made}");
    let gold: Vec<Value> = self::records(&tiny, "atlas/train.jsonl");
    let (mut found, mut right) = (0, 0);
    for record in &records {
        let source = gold.iter().find(|gold| gold["id"] == record["id"]).unwrap();
        assert_eq!(record["gold_answers"], source["gold_answers"]);
        assert_eq!(record["documents"].as_array().unwrap().len(), 3);
        let scores: Vec<f64> = record["reranking_scores"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        let supporting = source["supporting"][0].as_u64().unwrap() as usize;
        found += usize::from(record["document_ids"].as_array().unwrap().contains(&source["document_ids"][supporting]));
        right += usize::from(record["answer"] == record["gold_answers"][0]);
    }
    assert!(found * 10 >= records.len() * 9, "the right document is among those of {found} of {} records", records.len());
    assert!(right * 10 >= records.len() * 7, "{right} of {} answers are right", records.len());
    let checked: Value = serde_json::from_str(&tiny.done(&["dataset", "check", "run/records.jsonl", "--json"])).unwrap();
    assert_eq!(checked[0]["summary"]["with_reranking_scores"], records.len());
    let sidecar: Value = serde_json::from_str(&tiny.read("run/records.json")).unwrap();
    assert_eq!(sidecar["config"]["preparation"]["keep"], 3);
    assert!(sidecar["fingerprint"]["corpus"].as_str().unwrap().starts_with("crc32c:"));
    let again = tiny.failed(&["prepare", "prepare.toml"], 2);
    assert!(again.contains("--resume") && again.contains("--overwrite"), "{again}");
}

#[test]
fn a_preparation_that_is_killed_at_any_moment_ends_with_the_same_records() {
    let tiny = prepared();
    tiny.done(&["prepare", "prepare.toml", "--set", "output.directory=whole"]);
    let whole = tiny.read("whole/records.jsonl");
    let journal = || std::fs::metadata(tiny.path("run/journal")).map_or(0, |file| file.len());
    let mut kills = 0;
    loop {
        let (before, resume) = (journal(), if journal() > 0 { "--resume" } else { "--quiet" });
        let mut child = start(&mut tiny.command(&["prepare", "prepare.toml", resume]));
        // Each run gets a little further before it is killed.
        let mut ended = false;
        poll(|| {
            ended = child.try_wait().unwrap().is_some();
            ended || journal() > before + 1
        });
        if ended {
            assert_eq!(finish(child).code, Some(0));
            break;
        }
        std::thread::sleep(Duration::from_micros(2900 * kills % 17_000));
        child.kill().unwrap();
        finish(child);
        kills += 1;
    }
    assert!(kills > 2, "only {kills} kills");
    assert_eq!(tiny.read("run/records.jsonl"), whole);
}

#[test]
fn shares_come_to_the_same_records_as_the_whole() {
    let tiny = prepared();
    tiny.done(&["prepare", "prepare.toml", "--set", "output.directory=whole"]);
    for shard in ["0/3", "1/3", "2/3"] {
        tiny.done(&["prepare", "prepare.toml", "--shard", shard]);
    }
    let missing = tiny.failed(&["dataset", "merge", "run/shard-0-of-3", "run/shard-2-of-3", "--out", "merged.jsonl"], 1);
    assert!(missing.contains("missing shards (of 3): 1/3"), "{missing}");
    let all = ["run/shard-2-of-3", "run/shard-0-of-3", "run/shard-1-of-3"];
    tiny.done(&[&["dataset", "merge"], &all[..], &["--out", "merged.jsonl"]].concat());
    assert_eq!(tiny.read("merged.jsonl"), tiny.read("whole/records.jsonl"));
    let nonsense = tiny.run(&["prepare", "prepare.toml", "--shard", "3/3"]);
    assert!(nonsense.code == Some(2) && nonsense.err.contains("zero-based"), "{}", nonsense.err);
}

#[test]
fn what_a_question_brings_is_not_done_again() {
    let tiny = prepared();
    let question = |id: &str, more: Value| {
        let mut question = json!({"id": id, "query": "What is the stone of Clay Istery?"});
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("{question}\n")
    };
    let documents = ["Raven Lamp. The maker of Raven Lamp is Gold Fenune.", "Clay Istery. The stone of Clay Istery is obsidian."];
    let lines = [
        question("given", json!({"documents": documents})),
        question("scored", json!({"documents": documents, "reranking_scores": [0.75, 0.25]})),
        question("none", json!({})),
    ];
    tiny.write("own.jsonl", lines.concat());
    tiny.done(&["prepare", "prepare.toml", "--set", "questions.path=own.jsonl", "--set", "questions.fields={}"]);
    let records = records(&tiny, "run/records.jsonl");
    assert_eq!(records[0]["documents"], json!([documents[1], documents[0]]), "the reranker puts the right one first");
    assert_eq!(records[0]["answer"], "obsidian");
    assert_eq!((&records[1]["documents"], &records[1]["reranking_scores"]), (&json!(documents), &json!([0.75, 0.25])));
    assert_eq!(records[1]["document_ids"], Value::Null);
    assert_eq!(records[2]["document_ids"].as_array().unwrap().len(), 3);
}

#[test]
fn a_malformed_question_is_counted_or_stops_the_run() {
    let tiny = prepared();
    let questions = tiny.read("atlas/queries/train.jsonl").lines().take(6).collect::<Vec<_>>().join("\n");
    tiny.write("bad.jsonl", format!("{questions}\n{{\"id\": \"x\", \"query\": \" \"}}\nnot json\n"));
    let set = ["prepare", "prepare.toml", "--set", "questions.path=bad.jsonl"];
    let stopped = tiny.failed(&[&set[..], &["--set", "preparation.on_error=stop"]].concat(), 1);
    assert!(stopped.contains("bad.jsonl:7: ") && stopped.contains("blank"), "{stopped}");
    let made: Value = serde_json::from_str(&tiny.done(&[&set[..], &["--json"]].concat())).unwrap();
    assert_eq!((&made["counts"]["malformed"], &made["questions"]), (&json!(2), &json!(6)));
}

#[test]
fn a_teacher_that_is_away_stops_the_run_and_another_address_goes_on() {
    let tiny = prepared();
    let away = [
        "prepare",
        "prepare.toml",
        "--set",
        "teacher={plugin=\"openai\", endpoint=\"http://127.0.0.1:9/v1\", model=\"m\", retries=0, timeout=5}",
    ];
    let message = tiny.failed(&away, 1);
    assert!(message.contains("127.0.0.1:9"), "{message}");
    let elsewhere = [
        "prepare",
        "prepare.toml",
        "--resume",
        "--set",
        "teacher={plugin=\"openai\", endpoint=\"http://127.0.0.1:10/v1\", model=\"m\", retries=0, timeout=5}",
    ];
    let resumed = tiny.run(&elsewhere);
    assert!(resumed.err.contains("warning: since the run began, teacher.endpoint was"), "{}", resumed.err);
    assert!(resumed.err.contains("127.0.0.1:10"), "{}", resumed.err);
    let refused = tiny.failed(&["prepare", "prepare.toml", "--resume"], 1);
    assert!(refused.contains("teacher.plugin was \"openai\" and is \"mistral\""), "{refused}");
}

/// A service that answers every request by asking to wait for five minutes, and says what key it
/// was given.
#[cfg(unix)]
fn busy_service() -> (u16, std::sync::mpsc::Receiver<()>) {
    use std::io::{BufRead, BufReader, Read, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, asking) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut length, mut key) = (0, String::new());
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("authorization:") {
                    key = value.trim().to_owned();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let reply = format!(
                "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 300\r\nX-Key: {key}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            reader.get_mut().write_all(reply.as_bytes()).unwrap();
            let _ = asked.send(());
        }
    });
    (port, asking)
}

#[cfg(unix)]
#[test]
fn a_preparation_that_waits_for_a_service_is_stopped_at_once() {
    let tiny = prepared();
    let (port, asking) = busy_service();
    let teacher =
        format!("teacher={{plugin=\"openai\", endpoint=\"http://127.0.0.1:{port}/v1\", model=\"m\", api_key_env=\"MY_KEY\"}}");
    let mut command = tiny.command(&["prepare", "prepare.toml", "--set", &teacher]);
    let child = start(command.env("MY_KEY", "sk-never-shown").env("RUST_LOG", "ureq=trace,ureq_proto=trace"));
    asking.recv_timeout(Duration::from_secs(60)).unwrap();
    crate::faults::signal(&child, "TERM");
    let asked = std::time::Instant::now();
    let ended = finish(child);
    assert!(asked.elapsed() < Duration::from_secs(30), "it waited for the service");
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    let message = ended.err.lines().last().unwrap();
    assert!(message.contains("interrupted; progress is journaled; continue with `"), "{message}");
    assert_eq!(message.matches("--resume").count(), 1, "{message}");
    assert!(ended.err.contains("DEBUG ureq") && !ended.err.contains("sk-never-shown"), "the key is in the log");
}

#[cfg(unix)]
#[test]
fn a_limit_on_the_size_of_files_is_reported_and_survived() {
    let tiny = prepared();
    tiny.done(&["prepare", "prepare.toml", "--set", "output.directory=whole"]);
    // 4 KiB or 8 KiB: less than the journal takes.
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_scaledown")]);
    let ended = finish(start(shell.args(["prepare", "prepare.toml"]).current_dir(tiny.path("."))));
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("journal: ") && ended.err.contains("File too large"), "{}", ended.err);
    tiny.done(&["prepare", "prepare.toml", "--resume"]);
    assert_eq!(tiny.read("run/records.jsonl"), tiny.read("whole/records.jsonl"));
}

#[test]
fn an_index_is_made_searched_and_added_to() {
    let tiny = prepared();
    let none = tiny.failed(&["index", "info", "prepare.toml"], 1);
    assert!(none.contains("contains no index; build one with `scaledown index build`"), "{none}");
    let built: Value = serde_json::from_str(&tiny.done(&["index", "build", "prepare.toml", "--json"])).unwrap();
    let chunks = built["chunks"].as_u64().unwrap();
    assert_eq!(chunks as usize, tiny.read("atlas/corpus.jsonl").lines().count());
    let error = built["stats"].as_array().unwrap().iter().find(|stat| stat[0] == "maximum weight error").unwrap();
    assert!(error[1].as_str().unwrap().contains('%'), "{built}");
    assert!(tiny.failed(&["index", "build", "prepare.toml"], 1).contains("--overwrite"));
    let search = |query: &str| -> Value {
        serde_json::from_str(&tiny.done(&["index", "search", "prepare.toml", "--query", query, "-k", "2", "--json"])).unwrap()
    };
    let question = &records(&tiny, "atlas/train.jsonl")[0];
    let supporting = question["supporting"][0].as_u64().unwrap() as usize;
    let found = search(question["query"].as_str().unwrap());
    assert!((0..2).any(|rank| found[rank]["id"] == question["document_ids"][supporting]), "{found}");
    tiny.write("more.jsonl", "{\"_id\": \"new\", \"title\": \"Zinc Orrery\", \"text\": \"The stone of Zinc Orrery is onyx.\"}\n");
    let more = ["--set", "corpus.format=jsonl", "--set", "corpus.path=more.jsonl"];
    let added: Value =
        serde_json::from_str(&tiny.done(&[&["index", "add", "prepare.toml", "--json"], &more[..]].concat())).unwrap();
    assert_eq!((added["chunks"].as_u64().unwrap(), added["additions"].as_u64().unwrap()), (chunks + 1, 2));
    assert_ne!(added["checksum"], built["checksum"]);
    assert_eq!(search("What is the stone of Zinc Orrery?")[0]["id"], "new");
    tiny.write("twice.jsonl", "{\"_id\": \"a\", \"text\": \"x\"}\n{\"_id\": \"a\", \"text\": \"y\"}\n");
    let twice =
        ["index", "build", "prepare.toml", "--overwrite", "--set", "corpus.format=jsonl", "--set", "corpus.path=twice.jsonl"];
    assert!(tiny.failed(&twice, 1).contains("duplicate id `a`"));
}

/// A line of a TREC run.
struct Row {
    question: String,
    chunk: String,
    score: f64,
    plugin: String,
}

fn run(tiny: &Tiny, name: &str) -> Vec<Row> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let &[question, "Q0", chunk, _, score, plugin] = fields.as_slice() else { panic!("{line}") };
        Row { question: question.into(), chunk: chunk.into(), score: score.parse().unwrap(), plugin: plugin.into() }
    };
    tiny.read(name).lines().map(row).collect()
}

#[test]
fn a_run_of_all_questions_is_scored() {
    let tiny = prepared();
    tiny.done(&["index", "build", "prepare.toml"]);
    tiny.done(&["retrieve", "prepare.toml", "-k", "5", "--out", "splade.run"]);
    let five = ["--set", "preparation.retrieve=5"];
    tiny.done(&[&["retrieve", "prepare.toml", "-k", "5", "--rerank", "--out", "reranked.run"], &five[..]].concat());
    tiny.done(&["retrieve", "prepare.toml", "-k", "5", "--rerank", "--out", "deeper.run"]);
    let (before, after) = (run(&tiny, "splade.run"), run(&tiny, "reranked.run"));
    assert!(before.iter().all(|row| row.plugin == "splade") && after.iter().all(|row| row.plugin == "deberta"));
    let found = |rows: &[Row]| rows.iter().map(|row| (row.question.clone(), row.chunk.clone())).collect::<BTreeSet<_>>();
    assert_eq!(found(&before), found(&after), "the same chunks");
    assert_ne!(found(&before), found(&run(&tiny, "deeper.run")), "the best of twenty");
    assert!(after.windows(2).all(|pair| pair[0].question != pair[1].question || pair[0].score >= pair[1].score));
    assert_ne!(before.iter().map(|row| &row.chunk).collect::<Vec<_>>(), after.iter().map(|row| &row.chunk).collect::<Vec<_>>());
    let bm25 = ["--set", "retriever.plugin=bm25", "--set", "index.directory=words"];
    tiny.done(&[&["index", "build", "prepare.toml"], &bm25[..]].concat());
    tiny.done(&[&["retrieve", "prepare.toml", "-k", "5", "--out", "bm25.run"], &bm25[..]].concat());
    let recall = |run: &str| {
        let scored: Value =
            serde_json::from_str(&tiny.done(&["evaluate-run", run, "atlas/qrels/train.tsv", "--k", "5", "--json"])).unwrap();
        scored["scores"]["recall@5"].as_f64().unwrap()
    };
    assert!(recall("splade.run") >= 0.9, "{}", recall("splade.run"));
    assert!(recall("bm25.run") >= 0.5, "{}", recall("bm25.run"));
    let other = tiny.failed(&["index", "info", "prepare.toml", "--set", "retriever.plugin=bm25"], 1);
    assert!(other.contains("built with retriever.plugin = splade"), "{other}");
}
