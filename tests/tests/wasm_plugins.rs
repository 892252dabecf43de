//! The example plugins as components: they keep what their kinds promise, and do what their native
//! builds do.
//!
//! `fixtures/NAME.wasm` is the component of `examples/plugins/NAME`. Where the target
//! `wasm32-unknown-unknown` is installed, the components are built afresh as well; with
//! `SCALEDOWN_WRITE_FIXTURES=1` they replace the fixtures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use scaledown_conformance::{Example, Setting, check_entry};
use scaledown_sdk::component::{Document, Factory, Kind, Registration, RetrieverContext, registrations};
use scaledown_tests::{component, examples, plugins};
use scaledown_wasm::{Permissions, Plugin, Settings};
use serde_json::json;

const NAMES: [&str; 3] = ["letters", "cards", "decoder"];

/// Those whose components are committed.
const COMMITTED: [&str; 2] = ["letters", "cards"];

/// Components that have no native build.
const ALONE: [&str; 1] = ["fusion"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(format!("{name}.wasm"))
}

/// A plugin that may read its example's directory.
fn plugin(name: &str, bytes: &[u8]) -> Plugin {
    let read = vec![root().join("examples/plugins").join(name)];
    let settings = Settings { permissions: Permissions { read, ..Permissions::default() }, ..Settings::default() };
    Plugin::compile(name, bytes, &settings, Arc::new(plugins::Alone), None).unwrap()
}

fn assert_conforms(plugin: &Plugin) {
    let file = root().join("examples/plugins").join(plugin.name()).join("conformance.toml");
    let examples: Vec<Example> = examples::of(&file);
    let entries = plugin.registrations().unwrap();
    assert_eq!(entries.len(), examples.len());
    for entry in &entries {
        let example = examples.iter().find(|example| example.kind == entry.kind()).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let setting = Setting {
            device: scaledown_cpu::device().unwrap(),
            scratch: scratch.path().to_owned(),
            tokenizer: scaledown_host::text::open_chat_tokenizer,
            variable: &|_| None,
        };
        let report = check_entry(entry, example, &setting).unwrap();
        assert!(report.passed(), "{report}");
    }
}

#[test]
fn committed_components_conform() {
    for name in COMMITTED {
        assert_conforms(&plugin(name, &std::fs::read(fixture(name)).unwrap()));
    }
}

#[test]
fn components_built_now_conform() {
    if !component::target_installed() {
        eprintln!("skipped: the target wasm32-unknown-unknown is not installed (rustup target add wasm32-unknown-unknown)");
        return;
    }
    let names = || NAMES.into_iter().chain(ALONE);
    let built: Vec<Vec<u8>> = names().map(|name| component::build(&format!("scaledown-example-{name}")).unwrap()).collect();
    if std::env::var_os("SCALEDOWN_WRITE_FIXTURES").is_some() {
        for (name, bytes) in names().zip(&built).filter(|(name, _)| COMMITTED.contains(name) || ALONE.contains(name)) {
            std::fs::write(fixture(name), bytes).unwrap();
        }
    }
    for (name, bytes) in NAMES.into_iter().zip(&built) {
        assert_conforms(&plugin(name, bytes));
    }
}

#[test]
fn a_component_says_of_itself_what_its_native_build_says() {
    for name in COMMITTED {
        let entries = plugin(name, &std::fs::read(fixture(name)).unwrap()).registrations().unwrap();
        for entry in &entries {
            let native = registrations().find(|native| native.kind() == entry.kind() && native.name == name).unwrap();
            assert_eq!((entry.schema)(), (native.schema)());
            assert_eq!((entry.description, entry.learning_rate), (native.description, native.learning_rate));
            assert!(entry.digest.is_some() && native.digest.is_none());
        }
    }
}

#[test]
fn a_retriever_finds_what_its_native_build_finds() {
    let component = plugin("letters", &std::fs::read(fixture("letters")).unwrap()).registrations().unwrap();
    let native = registrations().find(|entry| entry.kind() == Kind::Retriever && entry.name == "letters").unwrap();
    let found = |entry: &Registration| {
        let directory = tempfile::tempdir().unwrap();
        let Factory::Retriever(make) = entry.factory else { panic!("letters is a retriever") };
        let context = || RetrieverContext { device: scaledown_cpu::device().unwrap(), directory: directory.path().join("index") };
        let mut retriever = make(json!({}), context()).unwrap();
        let text = |i: usize| format!("The home of {} is place number {i}.", ["Hazel", "Birch", "Aspen"][i % 3]);
        let mut documents = (0..300).map(|i| Ok(Document { id: format!("d{i}"), text: text(i) }));
        assert_eq!(retriever.index(&mut documents).unwrap(), 300);
        let again = make(json!({}), context()).unwrap();
        again.verify().unwrap();
        again.search(&["hazle", "place 17", ""], 20).unwrap()
    };
    let entry = component.iter().find(|entry| entry.kind() == Kind::Retriever).unwrap();
    assert_eq!(found(entry), found(native));
}
