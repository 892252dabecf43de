//! Components that misbehave. Each is an error of one line, the host goes on, and nothing stays
//! behind.

mod neighbours;
mod roles;
mod tensors;
mod wasi;

use std::time::{Duration, Instant};

use scaledown_sdk::component::{Corpus, Reranker};
use scaledown_sdk::{Device, Error, Result};
use scaledown_tests::component::from_text_for;
use scaledown_tests::{parity, plugins};
use scaledown_wasm::{Contract, Limits, Plugin, Settings, WasmCorpus, WasmReranker, manifest, with_manifest};
use serde_json::json;

fn device() -> Device {
    parity::devices().pop().unwrap()
}

/// What tests run with: little of everything.
fn settings() -> Settings {
    let limits =
        Limits { call_seconds: 3.0, memory: 64, tensors: 8, handles: 100, transfer: 4, failures: 1000, ..Limits::default() };
    Settings { limits, ..Settings::default() }
}

/// The text of a reranker whose `score` runs `body`, with what else the module has.
fn text(imports: &str, body: &str, more: &str) -> String {
    format!(
        r#"(module {imports}
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
            (func (export "scaledown:plugin/reranking@0.2.0#describe") (result i32) i32.const 1024)
            (func (export "scaledown:plugin/reranking@0.2.0#build") (param i32 i32) (result i32) i32.const 2048)
            (func (export "scaledown:plugin/reranking@0.2.0#score") (param i32 i32 i32 i32) (result i32) (local i32) {body})
            {more})"#
    )
}

fn reranker(imports: &str, body: &str, more: &str) -> (Plugin, Result<WasmReranker>) {
    let bytes = from_text_for("reranker", &text(imports, body, more)).unwrap();
    let plugin = plugins::compile_with("hostile", &bytes, &settings()).unwrap();
    let made = WasmReranker::build(&plugin, &json!({}), &device());
    (plugin, made)
}

/// What a call of `score` gives, for two documents.
fn scored(imports: &str, body: &str, more: &str) -> Result<Vec<f32>> {
    reranker(imports, body, more).1?.score("query", &["one", "two"])
}

/// Asserts that a call is an error of one line that has all of these parts.
fn refused(result: Result<Vec<f32>>, parts: &[&str]) {
    let refusal = result.expect_err("the call succeeded").to_string();
    assert!(parts.iter().all(|part| refusal.contains(part)) && refusal.lines().count() == 1, "{refusal} lacks one of {parts:?}");
}

const TENSOR: &str = r#"
    (import "scaledown:plugin/instructions@0.2.0" "fill" (func $fill (param i32 i32 i32 f64 i32)))
    (import "scaledown:plugin/tensor@0.2.0" "[resource-drop]tensor" (func $drop (param i32)))
    (import "scaledown:plugin/tensor@0.2.0" "[method]tensor.dtype" (func $dtype (param i32) (result i32)))"#;

/// Makes a tensor of `$extent` elements, whose handle, or why there is none, is at 3004.
const MAKE: &str = r#"(func $make (param $extent i64)
    i32.const 3200 local.get $extent i64.store
    i32.const 3200 i32.const 1 i32.const 1 f64.const 1 i32.const 3000 call $fill)"#;

#[test]
fn endless_work_is_ended() {
    let began = Instant::now();
    refused(scored("", "(loop br 0) unreachable", ""), &["hostile", "took more than 3 s", "call_seconds"]);
    assert!(began.elapsed() < Duration::from_secs(20));
    refused(scored("", "call $f i32.const 0", "(func $f call $f)"), &["called itself too deeply"]);
}

#[test]
fn a_start_that_never_ends_is_ended() {
    let (_, made) = reranker("", "unreachable", "(func $f (loop br 0)) (start $f)");
    let refusal = made.err().unwrap().to_string();
    assert!(refusal.contains("took more than 3 s"), "{refusal}");
}

#[test]
fn memory_and_tables_have_an_end() {
    refused(
        scored("", "(loop i32.const 16 memory.grow drop br 0) unreachable", ""),
        &["64 MiB of memory", "`memory` in its limits"],
    );
    let table = "(table $t 1 funcref)";
    refused(
        scored("", "(loop ref.null func i32.const 100000 table.grow $t drop br 0) unreachable", table),
        &["table elements", "`table_elements` in its limits"],
    );
}

#[test]
fn handles_and_tensors_have_an_end() {
    refused(
        scored(TENSOR, "(loop i64.const 1 call $make br 0) unreachable", MAKE),
        &["more than 100 handles", "`handles` in its limits"],
    );
    // A tensor that is too large is refused, and the component goes on: here it gives up if it was
    // made.
    for extent in [1i64 << 40, i64::MAX, -1] {
        let body =
            format!("i64.const {extent} call $make i32.const 3000 i32.load8_u i32.eqz (if (then unreachable)) i32.const 2048");
        refused(scored(TENSOR, &body, MAKE), &["returned 0 scores, expected 2"]);
    }
    // Many that fit each do not fit together.
    let body = "(loop i64.const 524288 call $make i32.const 3000 i32.load8_u i32.eqz br_if 0) i32.const 2048";
    refused(scored(TENSOR, body, MAKE), &["returned 0 scores"]);
}

#[test]
fn handles_that_are_not_owned_end_the_call() {
    refused(scored(TENSOR, "i32.const 77 call $dtype drop unreachable", MAKE), &["unknown handle index 77"]);
    let after_drop =
        "i64.const 4 call $make i32.const 3004 i32.load local.tee 4 call $drop local.get 4 call $dtype drop unreachable";
    refused(scored(TENSOR, after_drop, MAKE), &["unknown handle index"]);
    let twice = "i64.const 4 call $make i32.const 3004 i32.load local.tee 4 call $drop local.get 4 call $drop unreachable";
    refused(scored(TENSOR, twice, MAKE), &["unknown handle index"]);
}

#[test]
fn results_of_other_lengths_and_values_are_refused() {
    let list = |pointer: i64, length: i64| {
        format!("i32.const 2052 i32.const {pointer} i32.store i32.const 2056 i32.const {length} i32.store i32.const 2048")
    };
    refused(scored("", &list(4096, 3), ""), &["returned 3 scores, expected 2"]);
    refused(scored("", &list(65532, 1000), ""), &["out of bounds"]);
    refused(scored("", &list(4096, 0x7fff_ffff), ""), &["hostile"]);
    let nan = format!("i32.const 4096 f32.const nan f32.store i32.const 4100 f32.const 1 f32.store {}", list(4096, 2));
    refused(scored("", &nan, ""), &["score of document 1 is not a finite number"]);
    refused(scored("", "i32.const -4", ""), &["hostile"]);
}

#[test]
fn gigantic_messages_are_refused() {
    let log = r#"(import "scaledown:plugin/log@0.2.0" "write" (func $log (param i32 i32 i32)))"#;
    refused(scored(log, "i32.const 3 i32.const 0 i32.const 0x7fffffff call $log unreachable", ""), &["hostile"]);
    let large = "i32.const 200 memory.grow drop i32.const 3 i32.const 0 i32.const 8000000 call $log unreachable";
    refused(scored(log, large, ""), &["more than 4 MiB to the host", "`transfer` in its limits"]);
}

/// What a component may not do is an error that it hears of, and that says what grants it.
#[test]
fn nothing_is_granted_unless_the_user_grants_it() {
    let clock = r#"(import "scaledown:plugin/clock@0.2.0" "now" (func $now (param i32)))"#;
    // The error's text lies where `cabi_realloc` says; the component reports it as its own.
    let body = "i32.const 3000 call $now
        i32.const 2048 i32.const 1 i32.store8 i32.const 2052 i32.const 2 i32.store8
        i32.const 2056 i32.const 3012 i32.load i32.store i32.const 2060 i32.const 3016 i32.load i32.store i32.const 2048";
    refused(scored(clock, body, ""), &["may not read the clock", "put `clock = true` into [plugins.hostile.permissions]"]);
}

/// What a user reads in a file before anything of it runs is what the plugin says when it runs.
#[test]
fn a_file_that_says_something_else_than_its_plugin_is_refused() {
    let says = |text: &str| {
        let described = format!("i32.const 1024 i32.const 3100 i32.store i32.const 1028 i32.const {} i32.store", text.len());
        let module = self::text("", "unreachable", &format!("(data (i32.const 3100) {text:?})"));
        let module = module.replace("(result i32) i32.const 1024)", &format!("(result i32) {described} i32.const 1024)"));
        from_text_for("reranker", &module).unwrap()
    };
    let compiled = |bytes: &[u8]| plugins::compile_with("hostile", bytes, &settings()).unwrap();
    let (modest, greedy) = (says(r#"{"name": "modest"}"#), says(r#"{"permissions": {"http": ["*"], "read": ["/"]}}"#));
    let offers = compiled(&modest).offers().unwrap();
    let honest = with_manifest("hostile", &modest, &offers).unwrap();
    assert_eq!(compiled(&honest).offers().unwrap(), manifest("hostile", &honest).unwrap().unwrap());
    let refusal = compiled(&with_manifest("hostile", &greedy, &offers).unwrap()).offers().unwrap_err().to_string();
    assert!(refusal.contains("what it says of itself is not what its file says"), "{refusal}");
    let refusal = compiled(&says(r#"{"permissions": {"read": 3}}"#)).offers().unwrap_err().to_string();
    assert!(refusal.contains("the permissions that it asks for as a reranker are not those of a table"), "{refusal}");
}

/// A service that never answers.
#[test]
fn a_request_that_takes_too_long_ends_the_call() {
    let service = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", service.local_addr().unwrap());
    let http = r#"(import "scaledown:plugin/http@0.2.0" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let body = format!(
        "i32.const 3100 i32.const 3 i32.const 3110 i32.const {} i32.const 0 i32.const 0 i32.const 0 i32.const 0
        i32.const 3000 call $send unreachable",
        address.len()
    );
    let more = format!(r#"(data (i32.const 3100) "GET") (data (i32.const 3110) "{address}")"#);
    for (host_seconds, expected) in [
        (0.1, "a request to 127.0.0.1"),
        (0.1, "took more than 0.1 s: `host_seconds` in its limits"),
        (60.0, "a call took more than 3 s: `call_seconds` in its limits"),
    ] {
        let mut settings = settings();
        settings.permissions.http = vec!["127.0.0.1".into()];
        settings.limits.host_seconds = host_seconds;
        let bytes = from_text_for("reranker", &text(http, &body, &more)).unwrap();
        let plugin = plugins::compile_with("hostile", &bytes, &settings).unwrap();
        let began = Instant::now();
        let ended = WasmReranker::build(&plugin, &json!({}), &device()).unwrap().score("query", &["one"]);
        refused(ended, &["hostile", expected]);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_plugin_is_refused_after_some_failures_and_others_go_on() {
    let bytes = from_text_for("reranker", &text("", "unreachable", "")).unwrap();
    let limits = Limits { failures: 3, ..settings().limits };
    let plugin = plugins::compile_with("hostile", &bytes, &Settings { limits, ..settings() }).unwrap();
    let reranker = WasmReranker::build(&plugin, &json!({}), &device()).unwrap();
    for _ in 0..3 {
        refused(reranker.score("query", &["one"]), &["gave up"]);
    }
    refused(reranker.score("query", &["one"]), &["it is refused after 3 failed calls, the last of which: it gave up"]);
    assert!(WasmReranker::build(&plugin, &json!({}), &device()).is_err());
    let other = scored("", "i32.const 2056 i32.const 2 i32.store i32.const 2052 i32.const 60000 i32.store i32.const 2048", "");
    assert_eq!(other.unwrap(), [0.0, 0.0]);
}

#[test]
fn a_component_of_another_role_is_reported_so() {
    let bytes = from_text_for("reranker", &text("", "unreachable", "")).unwrap();
    let plugin = plugins::compile_with("hostile", &bytes, &settings()).unwrap();
    let Err(refusal) = WasmCorpus::build(&plugin, &json!({})) else { panic!("a reranker is no corpus") };
    assert!(refusal.to_string().contains("it exports no `reading`"), "{refusal}");
}

/// The number of threads of this process, where the system tells.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

#[cfg(target_os = "linux")]
#[test]
fn failed_calls_leave_nothing_behind() {
    let device = device();
    let bytes = from_text_for("reranker", &text(TENSOR, "i64.const 1000 call $make unreachable", MAKE)).unwrap();
    let plugin = plugins::compile_with("hostile", &bytes, &settings()).unwrap();
    let call = || {
        let reranker = WasmReranker::build(&plugin, &json!({}), &device).unwrap();
        refused(reranker.score("query", &["one"]), &["gave up"]);
    };
    call();
    let (live, before) = (device.memory().live, threads());
    (0..200).for_each(|_| call());
    assert_eq!(device.memory().live, live, "tensors of failed calls are dropped");
    assert!(threads() <= before + 4, "{} threads, {before} before", threads());
}

/// Numbers that a run repeats (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

/// Ten thousand damaged files: each is refused in one line, or runs as far as it does, and the host
/// goes on.
#[test]
fn ten_thousand_damaged_files_are_survived() {
    let original = from_text_for("reranker", &text("", "i32.const 2048", "")).unwrap();
    let mut numbers = Numbers(7);
    let (mut refused, mut ran) = (0, 0);
    let quick = Settings { limits: Limits { call_seconds: 0.02, ..settings().limits }, ..settings() };
    for _ in 0..10_000 {
        let mut bytes = original.clone();
        match numbers.below(4) {
            0 => bytes.truncate(numbers.below(bytes.len())),
            1 => drop(bytes.splice(numbers.below(original.len())..original.len(), []).collect::<Vec<_>>()),
            _ => {
                for _ in 0..=numbers.below(3) {
                    let place = numbers.below(bytes.len());
                    bytes[place] = u8::try_from(numbers.below(256)).unwrap();
                }
            }
        }
        let outcome = plugins::compile_with("damaged", &bytes, &quick).and_then(|plugin| {
            plugin.offers().map(drop).or_else(|error| if matches!(error, Error::Plugin { .. }) { Ok(()) } else { Err(error) })?;
            WasmReranker::build(&plugin, &json!({}), &device())?.score("query", &["one"]).map(drop)
        });
        match outcome {
            Ok(()) => ran += 1,
            Err(error) => {
                assert_eq!(error.to_string().lines().count(), 1, "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 5_000 && refused + ran == 10_000, "{refused} were refused, {ran} ran");
    Contract::read("whole", &original).unwrap().check("whole").unwrap();
}

/// A corpus that is asked for a second pass gives the same; one that fails midway ends.
#[test]
fn a_corpus_that_fails_midway_ends_there() {
    let text = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
        (func (export "scaledown:plugin/reading@0.2.0#describe") (result i32) i32.const 1024)
        (func (export "scaledown:plugin/reading@0.2.0#build") (param i32 i32) (result i32) i32.const 2048)
        (func (export "scaledown:plugin/reading@0.2.0#next") (param i32) (result i32) unreachable))"#;
    let plugin = plugins::compile_with("hostile", &from_text_for("corpus", text).unwrap(), &settings()).unwrap();
    let corpus = WasmCorpus::build(&plugin, &json!({})).unwrap();
    for _ in 0..2 {
        let documents: Vec<_> = corpus.documents().unwrap().collect();
        assert!(documents.len() == 1 && documents[0].is_err(), "{documents:?}");
    }
}
