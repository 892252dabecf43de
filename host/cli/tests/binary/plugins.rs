//! Plugins in WebAssembly, named in a configuration.

use std::path::PathBuf;

use serde_json::Value;

use crate::tiny::{ENDLESS, Tiny, train, with};

/// A committed component.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(name)
}

/// The tiny model, whose compressor is a component.
fn with_compressor() -> Tiny {
    let tiny = Tiny::new();
    tiny.write("pool.wasm", std::fs::read(fixture("attention-pool.wasm")).unwrap());
    let text = tiny.read("base.toml").replace("plugin = \"n-layers\"\nlayers = 1", "plugin = \"pool\"\nsize = 8\ndropout = 0.1");
    assert!(text.contains("plugin = \"pool\""), "{text}");
    tiny.write("base.toml", text + "[plugins.pool]\npath = \"pool.wasm\"\n");
    tiny
}

/// The parameters of the newest checkpoint and the model.
fn weights(tiny: &Tiny, directory: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = tiny.files(&format!("{directory}/model"));
    files.retain(|(name, _)| name.ends_with(".safetensors"));
    files.into_iter().map(|(name, bytes)| (name.replace(directory, ""), bytes)).collect()
}

#[test]
fn a_compressor_from_a_file_trains_evaluates_and_answers() {
    let tiny = with_compressor();
    let whole = tiny.train("whole", &ENDLESS);
    assert!(whole.len() == 8 && whole[0].loss.is_finite(), "{whole:?}");
    // The rate is the component's own.
    let resolved = tiny.done(&["config", "show", "tiny.toml"]);
    assert!(resolved.contains("sha256 = \""), "{resolved}");

    // Stopped after four steps and resumed, it ends with the same bytes.
    tiny.train("parts", &with(&ENDLESS, &["training.max_steps=4"]));
    tiny.done(&train("parts", &with(&ENDLESS, &["--resume"])));
    assert_eq!(tiny.curve("parts"), whole);
    assert_eq!(weights(&tiny, "parts"), weights(&tiny, "whole"));
    assert_eq!(weights(&tiny, "whole").len(), 2, "an adapter and a compressor");

    tiny.done(&["evaluate", "tiny.toml", "--set", "output.directory=whole"]);
    tiny.write("documents.txt", "The home of Hazel is Aspen Vale.\n");
    let answer =
        ["answer", "tiny.toml", "--json", "--query", "Where?", "--documents", "documents.txt", "--set", "output.directory=whole"];
    let answered: Value = serde_json::from_str(&tiny.done(&answer)).unwrap();
    assert!(answered["answer"].is_string(), "{answered}");
}

#[test]
fn a_training_goes_on_with_the_same_file_only() {
    let tiny = with_compressor();
    tiny.train("run", &with(&ENDLESS, &["training.max_steps=4"]));
    // A custom section changes nothing of what the component does, and everything of its digest.
    let mut bytes = std::fs::read(fixture("attention-pool.wasm")).unwrap();
    bytes.extend_from_slice(b"\0\x05\x01xabc");
    tiny.write("pool.wasm", &bytes);
    let told = tiny.failed(&train("run", &with(&ENDLESS, &["--resume"])), 1);
    assert!(told.contains("plugins.pool.sha256 was"), "{told}");
    let told = tiny.failed(&train("run", &with(&ENDLESS, &[&format!("plugins.pool.sha256={}", "0".repeat(64)), "--resume"])), 1);
    assert!(told.contains("plugins.pool.path") && told.contains("expected 0000"), "{told}");
}

#[test]
fn what_is_wrong_with_a_plugin_is_told_by_file_line_and_reason() {
    let tiny = with_compressor();
    let told = |file: &[u8], settings: &[&str]| {
        tiny.write("pool.wasm", file);
        let mut arguments = vec!["config", "check", "tiny.toml"];
        settings.iter().for_each(|setting| arguments.extend(["--set", *setting]));
        tiny.failed(&arguments, 1)
    };
    let good = std::fs::read(fixture("attention-pool.wasm")).unwrap();
    for (file, expected) in [
        (&b"no component"[..], "base.toml:39: plugins.pool.path: it is no WebAssembly component"),
        (b"\0asm\x01\0\0\0", "it is a core module, not a component"),
        (b"\0asm\x0d\0\x01\0", "it is a component of no kind that is known here: it exports nothing"),
        (&good[..good.len() / 2], "it is damaged"),
    ] {
        let told = told(file, &[]);
        assert!(told.contains(expected), "{told}");
    }
    let newer: Vec<u8> = replaced(&good, b"@0.2.0", b"@0.7.0");
    let newer = told(&newer, &[]);
    assert!(newer.contains("version 0.7.0 of the plugin interface, and this host serves 0.2.0; update ScaleDown"), "{newer}");
    let key = told(&good, &["compressor.sise=3"]);
    assert!(key.contains("compressor.sise: unknown key; did you mean `size`?"), "{key}");
    let unknown = told(&good, &["plugins.pool.permissions.raed=['x']"]);
    assert!(unknown.contains("plugins.pool.permissions.raed: unknown key; did you mean `read`?"), "{unknown}");
    let both = told(&good, &["plugins.pool.source=acme/pool:1.0.0"]);
    assert!(both.contains("plugins.pool.source: is set beside `path`"), "{both}");
}

/// `bytes` with every occurrence of one text replaced by another of its length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for place in 0..bytes.len().saturating_sub(from.len()) {
        if bytes[place..].starts_with(from) {
            bytes[place..place + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

#[test]
fn a_broken_plugin_that_nobody_chooses_breaks_no_other() {
    let tiny = with_compressor();
    let text = tiny.read("base.toml");
    tiny.write("base.toml", text + "[plugins.other]\npath = \"none.wasm\"\n");
    tiny.train("run", &["training.max_steps=1"]);
    let told = tiny.failed(&["config", "check", "tiny.toml"], 1);
    assert!(told.contains("plugins.other.path") && told.contains("none.wasm"), "{told}");
}

#[test]
fn plugins_are_listed_and_inspected() {
    let tiny = with_compressor();
    let listed = tiny.done(&["plugin", "list", "tiny.toml"]);
    let line = listed.lines().find(|line| line.contains("pool")).unwrap();
    assert!(line.starts_with("compressor") && line.contains("sha256:"), "{listed}");
    let inspected = tiny.done(&["plugin", "inspect", "pool.wasm"]);
    for expected in ["kinds: compressor", "interface: 0.2.0", "scaledown:plugin/tensor@0.2.0"] {
        assert!(inspected.contains(expected), "{inspected}");
    }
}
