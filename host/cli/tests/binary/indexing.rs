//! Indexes that additions fail on, that are damaged, or that two runs want at once.

use std::path::PathBuf;
use std::process::Child;

use serde_json::{Value, json};

use crate::tiny::{Tiny, finish, one_error, poll, start};

/// A configuration of an index of words.
const INDEX: &str = r#"
[corpus]
format = "jsonl"
path = "corpus.jsonl"
[questions]
format = "jsonl"
path = "questions.jsonl"
[index]
directory = "index"
[retriever]
plugin = "bm25"
[teacher]
plugin = "openai"
endpoint = "http://127.0.0.1:9/v1"
model = "m"
retries = 0
timeout = 5
[output]
directory = "run"
"#;

/// A corpus of a few documents, and the words of it as its index.
fn words() -> Tiny {
    let tiny = Tiny::new();
    tiny.write("index.toml", INDEX);
    tiny.write("questions.jsonl", "{\"id\": \"q\", \"query\": \"copper\"}\n");
    tiny.write("corpus.jsonl", documents(&[("a", "copper and gold"), ("b", "silver"), ("c", "copper")]));
    tiny
}

fn documents(documents: &[(&str, &str)]) -> String {
    documents.iter().map(|(id, text)| format!("{}\n", json!({"id": id, "text": text}))).collect()
}

/// The last line is not a document.
fn broken(name: &str, parts: &[(&str, &str)], tiny: &Tiny) {
    tiny.write(name, documents(parts) + "no document\n");
}

fn with<'a>(action: &'a str, corpus: &'a str) -> Vec<&'a str> {
    vec!["index", action, "index.toml", "--set", corpus]
}

fn search(tiny: &Tiny, query: &str) -> Vec<(String, String)> {
    let found = tiny.done(&["index", "search", "index.toml", "--query", query, "--json"]);
    let found: Vec<Value> = serde_json::from_str(&found).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut found: Vec<_> = found.iter().map(|found| (text(&found["id"]), text(&found["text"]))).collect();
    found.sort();
    found
}

fn info(tiny: &Tiny) -> Value {
    serde_json::from_str(&tiny.done(&["index", "info", "index.toml", "--json"])).unwrap()
}

fn owned(found: &[(&str, &str)]) -> Vec<(String, String)> {
    found.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
}

/// The directory of the build that counts.
fn build(tiny: &Tiny) -> PathBuf {
    let manifest: Value = serde_json::from_str(&tiny.read("index/index.json")).unwrap();
    tiny.path(format!("index/build-{}", manifest["build"]))
}

fn entries(tiny: &Tiny) -> Vec<String> {
    let names = std::fs::read_dir(tiny.path("index")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn an_addition_that_fails_leaves_nothing_behind() {
    let tiny = words();
    tiny.done(&["index", "build", "index.toml"]);
    let before = info(&tiny);
    broken("bad.jsonl", &[("a", "copper, of the failed addition"), ("x", "tin")], &tiny);
    let error = tiny.failed(&with("add", "corpus.path=bad.jsonl"), 1);
    assert!(error.contains("bad.jsonl:3"), "{error}");
    assert_eq!(search(&tiny, "copper"), owned(&[("a", "copper and gold"), ("c", "copper")]));
    tiny.write("good.jsonl", documents(&[("d", "zinc")]));
    tiny.done(&with("add", "corpus.path=good.jsonl"));
    assert_eq!(search(&tiny, "copper zinc"), owned(&[("a", "copper and gold"), ("c", "copper"), ("d", "zinc")]));
    let after = info(&tiny);
    assert_eq!((&before["chunks"], &after["chunks"], &after["additions"]), (&json!(3), &json!(4), &json!(2)));
    // A known id is replaced still.
    tiny.write("good.jsonl", documents(&[("a", "copper, later")]));
    tiny.done(&with("add", "corpus.path=good.jsonl"));
    assert_eq!(search(&tiny, "copper"), owned(&[("a", "copper, later"), ("c", "copper")]));
    assert_eq!(info(&tiny)["chunks"], 4);
}

/// Starts a run whose corpus is a pipe, of which it has read `parts` when this returns: it waits
/// for more.
#[cfg(unix)]
fn waiting(tiny: &Tiny, action: &[&str], parts: &[(&str, &str)]) -> (Child, std::fs::File) {
    use std::io::Write;
    let pipe = tiny.path("pipe.jsonl");
    let _ = std::fs::remove_file(&pipe);
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let child = start(&mut tiny.command(&[action, &["--set", "corpus.path=pipe.jsonl"]].concat()));
    // Opening it waits for the reader. More bytes than the reader asks for at a time, so that some
    // documents are indexed.
    let mut file = std::fs::File::options().write(true).open(&pipe).unwrap();
    file.write_all(documents(parts).as_bytes()).unwrap();
    let many: Vec<(String, String)> = (0..20_000).map(|i| (format!("more {i}"), "tin ".repeat(20))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
    file.write_all(documents(&many).as_bytes()).unwrap();
    (child, file)
}

#[cfg(unix)]
#[test]
fn an_addition_that_is_killed_leaves_nothing_behind() {
    let tiny = words();
    tiny.done(&["index", "build", "index.toml"]);
    let (mut child, file) = waiting(&tiny, &["index", "add", "index.toml"], &[("a", "copper, killed")]);
    // The old index stays in use until the new one is complete. No other process may change it.
    assert_eq!(search(&tiny, "copper"), owned(&[("a", "copper and gold"), ("c", "copper")]));
    tiny.write("good.jsonl", documents(&[("d", "zinc")]));
    let busy = tiny.failed(&with("add", "corpus.path=good.jsonl"), 1);
    assert!(busy.contains("locked by another process that writes this index"), "{busy}");
    child.kill().unwrap();
    assert_eq!(finish(child).code, None);
    drop(file);
    assert_eq!(search(&tiny, "copper"), owned(&[("a", "copper and gold"), ("c", "copper")]));
    assert_eq!(search(&tiny, "tin"), owned(&[]));
    assert_eq!(info(&tiny)["chunks"], 3);
    tiny.write("good.jsonl", documents(&[("d", "zinc")]));
    tiny.done(&with("add", "corpus.path=good.jsonl"));
    assert_eq!((search(&tiny, "zinc").len(), info(&tiny)["chunks"].as_u64()), (1, Some(4)));
}

#[test]
fn an_addition_that_was_cut_off_at_its_end_is_done_again_with_the_same_documents() {
    let tiny = words();
    tiny.done(&["index", "build", "index.toml"]);
    let before = tiny.read("index/index.json");
    tiny.write("more.jsonl", documents(&[("d", "zinc")]));
    tiny.done(&with("add", "corpus.path=more.jsonl"));
    // As a kill right before the last step leaves it, where the retriever keeps its documents
    // elsewhere and so cannot be copied.
    let mut manifest: Value = serde_json::from_str(&before).unwrap();
    let done: Value = serde_json::from_str(&tiny.read("index/index.json")).unwrap();
    manifest["complete"] = json!(false);
    manifest["additions"] = json!(2);
    manifest["build"] = done["build"].clone();
    manifest["goal"] = done["checksum"].clone();
    manifest["file_crc32c"] = json!("00000000");
    let text = serde_json::to_string_pretty(&manifest).unwrap();
    tiny.write("index/index.json", text.replace("00000000", &format!("{:08x}", crc32c::crc32c(text.as_bytes()))));
    let message = tiny.failed(&["index", "info", "index.toml"], 1);
    assert!(
        message.contains("an earlier `scaledown index add` was interrupted") && !message.starts_with("interrupted"),
        "{message}"
    );
    tiny.write("other.jsonl", documents(&[("e", "tin")]));
    let other = tiny.failed(&with("add", "corpus.path=other.jsonl"), 1);
    assert!(other.contains("an earlier `scaledown index add` of other documents was interrupted"), "{other}");
    tiny.done(&with("add", "corpus.path=more.jsonl"));
    let after = info(&tiny);
    assert_eq!((&after["chunks"], after["checksum"].as_str().unwrap().len()), (&json!(4), "crc32c:".len() + 8));
}

#[test]
fn a_damaged_file_of_an_index_is_reported_by_whoever_reads_it() {
    let tiny = words();
    tiny.done(&["index", "build", "index.toml"]);
    assert!(tiny.done(&["index", "info", "index.toml"]).contains("integrity"));
    assert_eq!(info(&tiny)["verified"], true);
    let chunks = build(&tiny).join("chunks.redb");
    let whole = std::fs::read(&chunks).unwrap();
    let mut changed = whole.clone();
    let at = whole.windows(15).position(|part| part == b"copper and gold").unwrap();
    changed[at] = b'C';
    std::fs::write(&chunks, &changed).unwrap();
    for arguments in [
        vec!["index", "search", "index.toml", "--query", "gold"],
        vec!["index", "info", "index.toml"],
        vec!["prepare", "index.toml"],
    ] {
        let error = tiny.failed(&arguments, 1);
        assert!(error.contains("checksum mismatch in chunk `a`"), "{arguments:?}: {error}");
        assert!(error.contains("rebuild the index with `scaledown index build --overwrite`"), "{arguments:?}: {error}");
    }
    std::fs::write(&chunks, &whole).unwrap();
    // Of the retriever's files, one whose damage a search of other words does not meet.
    for entry in std::fs::read_dir(build(&tiny).join("retriever")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|name| name == "term" || name == "store") {
            let whole = std::fs::read(&path).unwrap();
            std::fs::write(&path, vec![0xA5; whole.len()]).unwrap();
            let readers: [&[&str]; 3] =
                [&["index", "info", "index.toml"], &["prepare", "index.toml"], &["index", "add", "index.toml"]];
            for arguments in readers {
                let error = tiny.failed(arguments, 1);
                assert!(error.contains("damaged") && error.contains("scaledown index build --overwrite"), "{error}");
            }
            std::fs::write(&path, whole).unwrap();
        }
    }
    // An older format is reported and can be replaced, as can an invalid description.
    let description = tiny.read("index/index.json");
    let other_count = description.replace("\"chunks\": 3", "\"chunks\": 2");
    assert_ne!(other_count, description);
    for damaged in
        ["{\"version\": 1, \"complete\": true}", "{\"vers", &other_count, &description.replace("file_crc32c", "checksum")]
    {
        tiny.write("index/index.json", damaged);
        tiny.write("index/chunks.redb", "");
        tiny.write("index/retriever/meta.json", "");
        let error = tiny.failed(&["index", "info", "index.toml"], 1);
        assert!(error.contains("index.json") && error.contains("scaledown index build --overwrite"), "{error}");
        tiny.done(&["index", "build", "index.toml", "--overwrite"]);
        assert_eq!(entries(&tiny).len(), 3, "{:?}", entries(&tiny));
        assert_eq!(search(&tiny, "gold").len(), 1);
    }
}

#[test]
fn a_damaged_index_of_vectors_is_reported() {
    let tiny = words();
    let model = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/cli/assets/atlas/splade");
    let retriever = format!("retriever={{plugin=\"splade\", model={:?}}}", model.display().to_string());
    let with = |arguments: &[&'static str]| [arguments, &["--set", &retriever]].concat().iter().map(|&a| a.to_owned()).collect();
    let (build_it, info, prepare): (Vec<String>, Vec<String>, Vec<String>) =
        (with(&["index", "build", "index.toml"]), with(&["index", "info", "index.toml"]), with(&["prepare", "index.toml"]));
    tiny.done(&build_it);
    assert!(tiny.done(&info).contains("integrity"));
    let mut files = std::fs::read_dir(build(&tiny).join("retriever")).unwrap().map(|entry| entry.unwrap().path());
    let segment = files.find(|path| path.file_name().unwrap().to_string_lossy().starts_with("segment-")).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&segment, bytes).unwrap();
    for arguments in [&info, &prepare] {
        let error = tiny.failed(arguments, 1);
        assert!(error.contains("is damaged") && error.contains("scaledown index build --overwrite"), "{error}");
    }
}

#[test]
fn a_build_that_fails_leaves_the_index_that_was_there() {
    let tiny = words();
    tiny.done(&["index", "build", "index.toml"]);
    let before = tiny.files("index");
    broken("bad.jsonl", &[("x", "copper")], &tiny);
    tiny.failed(&[&with("build", "corpus.path=bad.jsonl")[..], &["--overwrite"]].concat(), 1);
    assert!(tiny.files("index") == before, "{:?}", entries(&tiny));
    assert_eq!(search(&tiny, "copper").len(), 2);
    // The next build removes the leftovers of a killed one.
    tiny.write("index/build-9/chunks.redb", "half");
    tiny.write("index/notes.txt", "the user's own");
    tiny.write("corpus.jsonl", documents(&[("n", "copper again")]));
    tiny.done(&["index", "build", "index.toml", "--overwrite"]);
    assert_eq!(search(&tiny, "copper"), owned(&[("n", "copper again")]));
    assert_eq!(entries(&tiny).len(), 4, "{:?}", entries(&tiny));
    assert!(tiny.path("index/notes.txt").exists());
}

#[cfg(unix)]
#[test]
fn one_run_at_a_time_changes_an_index_and_others_search_it_meanwhile() {
    let tiny = words();
    tiny.done(&["index", "build", "index.toml"]);
    let (mut child, file) = waiting(&tiny, &["index", "build", "index.toml", "--overwrite"], &[("a", "copper again")]);
    assert!(poll(|| tiny.path("index/build-2").exists()), "it does not begin");
    for action in [["index", "build", "index.toml", "--overwrite"].as_slice(), &["index", "add", "index.toml"]] {
        let error = tiny.failed(action, 1);
        assert!(error.contains("locked by another process that writes this index"), "{error}");
        assert!(error.contains(tiny.path("index").file_name().unwrap().to_str().unwrap()), "{error}");
    }
    assert_eq!(search(&tiny, "copper").len(), 2);
    drop(file);
    assert!(poll(|| child.try_wait().unwrap().is_some()));
    let ended = finish(child);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(search(&tiny, "copper"), owned(&[("a", "copper again")]));
    // Two shards of a preparation without an index: the second must wait.
    std::fs::remove_dir_all(tiny.path("index")).unwrap();
    let (mut first, file) = waiting(&tiny, &["prepare", "index.toml", "--shard", "0/2"], &[("a", "copper")]);
    assert!(poll(|| tiny.path("index/build-1").exists()), "it does not begin");
    let second = tiny.failed(&["prepare", "index.toml", "--shard", "0/2", "--set", "output.directory=other"], 1);
    assert!(second.contains("locked by another process that writes this index"), "{second}");
    drop(file);
    assert!(poll(|| first.try_wait().unwrap().is_some()));
    assert!(!one_error(&finish(first).err).contains("building"));
}

#[test]
fn a_corpus_without_documents_is_reported() {
    let tiny = words();
    tiny.write("empty.jsonl", "");
    let message = |arguments: &[&str]| {
        let error = tiny.failed(arguments, 1);
        assert!(error.contains("empty.jsonl: the corpus has no documents"), "{error}");
    };
    message(&with("build", "corpus.path=empty.jsonl"));
    tiny.done(&["index", "build", "index.toml"]);
    message(&with("add", "corpus.path=empty.jsonl"));
    assert_eq!(info(&tiny)["chunks"], 3);
}

#[test]
fn scripts_without_spaces_are_searched_by_pairs_of_letters() {
    let tiny = words();
    let texts = [
        ("zh", "北京是全国的首都，也是政治中心。"),
        ("ja", "東京は日本の首都である。"),
        ("th", "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย"),
        ("ko", "서울은 대한민국의 수도이다."),
        ("en", "Paris is the capital of France."),
    ];
    tiny.write("corpus.jsonl", documents(&texts));
    let any = "retriever.language=any";
    tiny.done(&["index", "build", "index.toml", "--set", any]);
    let queries = [("zh", "首都北京"), ("ja", "日本の首都"), ("th", "เมืองหลวง"), ("ko", "대한민국의 수도"), ("en", "capital")];
    for (id, query) in queries {
        let found = tiny.done(&["index", "search", "index.toml", "--set", any, "--query", query, "--json"]);
        let found: Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found[0]["id"], id, "{query}: {found}");
    }
    let warned = tiny.run(&["index", "build", "index.toml", "--overwrite"]);
    assert!(warned.err.contains("without spaces between words") && warned.err.contains("set it to \"any\""), "{}", warned.err);
}

#[test]
fn ids_stay_whole_where_documents_were_not_cut() {
    let tiny = words();
    tiny.write(
        "corpus.jsonl",
        documents(&[("d_00#0_10", "copper and gold"), ("d_00#1_22", "copper"), ("C#", "copper wire there")]),
    );
    tiny.write("questions.jsonl", "{\"id\": \"2024-1#a\", \"query\": \"copper\"}\n");
    tiny.done(&["index", "build", "index.toml"]);
    tiny.done(&["retrieve", "index.toml", "--documents", "--out", "whole.run"]);
    let ids = |file: &str| -> Vec<String> {
        let mut ids: Vec<String> = tiny.read(file).lines().map(|line| line.split(' ').nth(2).unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids("whole.run"), ["C#", "d_00#0_10", "d_00#1_22"]);
    assert!(tiny.read("whole.run").lines().all(|line| line.starts_with("2024-1#a Q0 ")));
    tiny.write("cut.toml", "extends = \"index.toml\"\n[corpus.chunking]\nsize = 2\n[index]\ndirectory = \"cut\"\n");
    tiny.done(&["index", "build", "cut.toml"]);
    tiny.done(&["retrieve", "cut.toml", "--documents", "--out", "cut.run"]);
    assert_eq!(ids("cut.run"), ["C#", "d_00#0_10", "d_00#1_22"]);
}

#[test]
fn a_damaged_index_is_not_searched() {
    let tiny = words();
    tiny.done(&["index", "build", "index.toml"]);
    assert_eq!(search(&tiny, "copper").len(), 2);
    let directory = tiny.path("index/build-1/retriever");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        path.file_name().unwrap().to_string_lossy().contains('.')
            && path.extension().is_some_and(|end| end != "json" && end != "lock")
    });
    assert!(files.len() > 3, "{files:?}");
    for path in files {
        let whole = std::fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 4;
        std::fs::write(&path, &damaged).unwrap();
        let ended = tiny.run(&["index", "search", "index.toml", "--query", "copper"]);
        assert!(ended.code == Some(1) && ended.err.contains("damaged"), "{}: {}", path.display(), ended.err);
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(search(&tiny, "copper").len(), 2);
    }
}

/// What only root may do.
#[cfg(target_os = "linux")]
#[test]
fn an_index_is_searched_where_nothing_can_be_written() {
    use std::os::unix::process::CommandExt;
    let tiny = words();
    let done = |command: &mut std::process::Command| command.output().is_ok_and(|output| output.status.success());
    if !done(std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "none"]).arg(tiny.path("."))) {
        eprintln!("skipped: only root may mount a small disk");
        return;
    }
    struct Mounted(PathBuf);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
    let _mounted = Mounted(tiny.path("."));
    tiny.write("index.toml", INDEX);
    tiny.write("corpus.jsonl", documents(&[("a", "copper and gold"), ("b", "silver"), ("c", "copper")]));
    tiny.done(&["index", "build", "index.toml"]);
    let search = ["index", "search", "index.toml", "--query", "copper", "--json"];
    let whole = tiny.done(&search);
    // Another user, who sees the same files and may change none.
    assert!(done(std::process::Command::new("chmod").args(["-R", "a+rX", "."]).current_dir(tiny.path("."))));
    match tiny.command(&search).uid(65534).env("HOME", "/nonexistent").output() {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout), whole, "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("skipped: another user cannot run the binary here: {error}"),
    }
    // On a full disk, the old index stays and the error names the cause.
    let _ = std::fs::write(tiny.path("ballast"), vec![0; 32 << 20]);
    assert_eq!(tiny.done(&search), whole);
    let message = tiny.failed(&["index", "build", "index.toml", "--overwrite"], 1);
    assert!(message.contains("free some space") && !message.contains("damaged"), "{message}");
    assert_eq!(tiny.done(&search), whole);
    assert!(done(std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(tiny.path("."))));
    assert_eq!(tiny.done(&search), whole);
}

#[test]
fn an_index_counts_until_what_is_added_is_whole() {
    let tiny = words();
    tiny.done(&["index", "build", "index.toml"]);
    broken("more.jsonl", &[("d", "copper mine")], &tiny);
    tiny.failed(&with("add", "corpus.path=more.jsonl"), 1);
    assert_eq!(search(&tiny, "copper").len(), 2);
    // As a killed run leaves it.
    tiny.write("index/build-2/half", "x");
    assert_eq!(search(&tiny, "copper").len(), 2);
    tiny.write("more.jsonl", documents(&[("d", "copper mine")]));
    tiny.done(&with("add", "corpus.path=more.jsonl"));
    assert_eq!(search(&tiny, "copper").len(), 3);
    let builds = std::fs::read_dir(tiny.path("index")).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert_eq!(builds, 1);
}
