//! Sweeps of a tiny training.

use serde_json::Value;

use crate::tiny::Tiny;

const SWEEP: &str = "extends = \"tiny.toml\"\n[evaluation]\nexamples = 2\n[output]\ndirectory = \"swept\"\n[sweep]\ncombine = \"each\"\n\
    \"training.seed\" = [1, 2]\n[sweep.runs.wide]\ncompression.memory_tokens = 3\ntraining = { seed = 1, max_steps = 3 }\n";

fn sweep(tiny: &Tiny) -> Value {
    serde_json::from_str(&tiny.read("swept/sweep.json")).unwrap()
}

#[test]
fn values_become_runs_that_are_compared() {
    let tiny = Tiny::new();
    tiny.write("sweep.toml", SWEEP);
    let printed = tiny.done(&["sweep", "sweep.toml", "--parallel", "2", "--set", "training.max_steps=2"]);
    for name in ["seed-1", "seed-2", "wide"] {
        assert!(printed.contains(name), "{printed}");
        assert!(tiny.path(format!("swept/runs/{name}/model")).is_dir());
        assert!(tiny.path(format!("swept/logs/{name}.log")).is_file());
    }
    let found = sweep(&tiny);
    let rates: Vec<f64> =
        found["runs"].as_array().unwrap().iter().map(|run| run["metrics"]["compression_rate"].as_f64().unwrap()).collect();
    assert!(rates[0] == rates[1] && rates[2] < 0.7 * rates[0], "{rates:?}");
    assert_eq!(found["runs"][2]["values"]["compression.memory_tokens"], 3);
    // The values of a sweep go over --set.
    let steps = |name: &str| tiny.curve(&format!("swept/runs/{name}")).len();
    assert_eq!((steps("seed-1"), steps("wide")), (2, 3));
    let weights = |name: &str| std::fs::read(tiny.path(format!("swept/runs/{name}/model/compressor.safetensors"))).unwrap();
    assert_ne!(weights("seed-1"), weights("seed-2"));
    let csv = tiny.read("swept/sweep.csv");
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(tiny.read("swept/report.html").contains("runs/seed%2D1/report.html"));

    // What is finished is kept, a missing run is repeated.
    let before = weights("seed-2");
    let written =
        |name: &str| std::fs::metadata(tiny.path(format!("swept/runs/{name}/metrics.json"))).unwrap().modified().unwrap();
    let earlier = written("seed-1");
    std::fs::remove_dir_all(tiny.path("swept/runs/seed-2")).unwrap();
    tiny.done(&["sweep", "sweep.toml", "--set", "training.max_steps=2"]);
    assert_eq!((written("seed-1"), weights("seed-2")), (earlier, before));

    let error = tiny.failed(&["sweep", "sweep.toml", "--set", "training.max_steps=4"], 1);
    assert!(error.contains("seed-1 was started with other settings") && error.contains("--overwrite"), "{error}");
}

#[test]
fn a_run_that_fails_does_not_stop_the_others() {
    let tiny = Tiny::new();
    tiny.write("broken.jsonl", "{\"query\": 1}\n");
    tiny.write("sweep.toml", SWEEP.replace("\"training.seed\" = [1, 2]", "\"data.train\" = [\"broken.jsonl\", \"train.jsonl\"]"));
    let ended = tiny.run(&["sweep", "sweep.toml", "--set", "training.max_steps=2"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("run train-broken.jsonl failed") && ended.err.contains("broken.jsonl:1"), "{}", ended.err);
    let found = sweep(&tiny);
    let finished: Vec<bool> = found["runs"].as_array().unwrap().iter().map(|run| run["metrics"].is_object()).collect();
    assert_eq!(finished, [false, true, true]);
}

#[test]
fn mistakes_name_the_line_of_the_sweep() {
    let tiny = Tiny::new();
    tiny.write("sweep.toml", SWEEP.replace("[1, 2]", "[1, -2]"));
    for command in [["sweep", "sweep.toml"].as_slice(), &["config", "check", "sweep.toml"]] {
        let ended = tiny.run(command);
        assert_ne!(ended.code, Some(0));
        assert!(ended.err.contains("sweep.toml:8: training.seed"), "{}", ended.err);
    }
    let error = tiny.failed(&["sweep", "tiny.toml"], 1);
    assert!(error.contains("there is nothing to sweep"), "{error}");
}

#[test]
fn overwriting_removes_only_what_a_sweep_made() {
    let tiny = Tiny::new();
    tiny.write("sweep.toml", SWEEP);
    let (theirs, log) = ("swept/configs/seed-1.toml", "swept/logs/seed-1.log");
    tiny.write("swept/LOCK", "");
    tiny.write(theirs, "[output]\ndirectory = \"runs/seed-1\"\n");
    tiny.write(log, "theirs");
    let error = tiny.failed(&["sweep", "sweep.toml", "--overwrite"], 1);
    assert!(error.contains("seed-1 was started with other settings"), "{error}");
    assert!(tiny.read(theirs).contains("runs/seed-1"));
    assert_eq!(tiny.read(log), "theirs");

    std::fs::remove_file(tiny.path(theirs)).unwrap();
    let steps = |steps: &str| tiny.done(&["sweep", "sweep.toml", "--overwrite", "--set", steps]);
    steps("training.max_steps=2");
    steps("training.max_steps=1");
    assert_eq!(tiny.curve("swept/runs/seed-1").len(), 1);
}

#[test]
fn a_single_runs_report_is_not_replaced() {
    let tiny = Tiny::new();
    tiny.write("sweep.toml", SWEEP);
    tiny.write("swept/metrics.json", "{}");
    for option in ["--resume", "--overwrite"] {
        let error = tiny.failed(&["sweep", "sweep.toml", option], 1);
        assert!(error.contains("holds a single run"), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_sweep_leaves_no_process() {
    use crate::tiny::{poll, start};
    use std::fs::{File, TryLockError};
    let tiny = Tiny::new();
    tiny.write("sweep.toml", SWEEP);
    let mut sweep = start(&mut tiny.command(&["sweep", "sweep.toml", "--set", "training.max_steps=1000000"]));
    assert!(poll(|| !tiny.curve("swept/runs/seed-1").is_empty()), "no step was made");
    sweep.kill().unwrap();
    sweep.wait().unwrap();
    let is_held = || {
        let lock = File::open(tiny.path("swept/runs/seed-1/LOCK")).unwrap();
        matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
    };
    assert!(poll(|| !is_held()), "the run goes on without its sweep");
}
