//! Every configuration in the repository loads, and offline.

use std::path::{Path, PathBuf};

use scaledown_host::config::{Config, Overrides};

use crate::command::{run_in, scaledown};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent).unwrap().to_owned()
}

fn configurations(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(configurations(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path.to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn every_configuration_loads() {
    let mut files = configurations(&root().join("configs"));
    assert!(files.len() > 10, "only {files:?}");
    files.extend(configurations(&root().join("examples/atlas/pretraining")));
    let output = scaledown().args(["config", "check"]).args(&files).env("HF_HUB_OFFLINE", "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn variations_keep_what_they_do_not_name() {
    let show = |file: &str| {
        let ran = run_in(&root(), &["config", "show", file, "--json"], &[]);
        serde_json::from_str::<serde_json::Value>(&ran.out).unwrap()
    };
    let base = show("configs/quickstart.toml");
    let (resolved, runs) = Config::variants(&root().join("configs/variations.toml"), &Overrides::default()).unwrap();
    assert_eq!(resolved.compression.memory_tokens, 8);
    let named = |name: &str| serde_json::to_value(&runs.iter().find(|run| run.name == name).unwrap().config).unwrap();
    let varied = named("memory_tokens-4");
    assert_eq!(varied["compression"]["memory_tokens"], 4);
    assert_eq!((&varied["training"], &varied["compressor"]), (&base["training"], &base["compressor"]));
    let encoder = named("modernbert");
    assert!(encoder["compressor"]["layers"].is_null(), "the n-layers compressor's keys must not reach the modernbert compressor");
    let model = Path::new(encoder["compressor"]["model"].as_str().unwrap());
    assert!(model.join("config.json").is_file(), "{}", model.display());
}

#[test]
fn a_training_starts_from_what_its_pretraining_writes() {
    let show = |file: &str| {
        let ran = run_in(&root(), &["config", "show", file, "--json"], &[]);
        serde_json::from_str::<serde_json::Value>(&ran.out).unwrap()
    };
    for name in ["mistral-7b-modernbert", "mistral-7b-llama-1b-compressor", "mistral-7b-qwen3-0.6b-compressor"] {
        let pretraining = show(&format!("configs/paper/{name}-pretraining.toml"));
        let training = show(&format!("configs/paper/{name}.toml"));
        let written = Path::new(pretraining["output"]["directory"].as_str().unwrap()).join("model");
        assert_eq!(training["training"]["init_from"].as_str().map(Path::new), Some(&*written));
        assert_eq!(training["compressor"], pretraining["compressor"]);
        assert!(pretraining["training"]["init_from"].is_null(), "the pretraining starts from itself");
    }
}

#[cfg(unix)]
#[test]
fn the_examples_for_clusters_are_what_their_systems_read() {
    let cluster = root().join("configs/cluster");
    let read = |name: &str| std::fs::read_to_string(cluster.join(name)).unwrap();
    let job: serde_json::Value = serde_json::from_str(&read("aws-batch.json")).unwrap();
    let batch = job["containerOverrides"]["command"][2].as_str().unwrap().to_owned();
    let kubernetes = read("kubernetes.yaml");
    let script = kubernetes.split_once("- |\n").unwrap().1.split_once("env:").unwrap().0;
    for (system, script) in [("slurm", read("slurm.sh")), ("kubernetes", script.to_owned()), ("aws-batch", batch)] {
        let checked = std::process::Command::new("bash").args(["-n", "-c", &script]).output().unwrap();
        assert!(checked.status.success(), "{system}: {}", String::from_utf8_lossy(&checked.stderr));
        assert!(script.contains("scaledown prepare") && script.contains("--shard") && script.contains("--resume"), "{system}");
    }
}
