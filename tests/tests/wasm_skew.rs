//! Components of other versions of the contract: what still runs, and the message to the user where
//! it does not. The components are made up from variants of the WIT package, so that no compiler is
//! needed.

use std::path::{Path, PathBuf};

use scaledown_sdk::Result;
use scaledown_tests::{component, plugins};
use scaledown_wasm::Plugin;
use wit_component::{StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/plugin-0.2.0")
}

/// A component of the world `retriever` that imports all of a package in which these texts are
/// replaced.
fn component(changes: &[(&str, &str)]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let mut made = vec![0; changes.len()];
    for entry in std::fs::read_dir(package()).unwrap() {
        let path = entry.unwrap().path();
        let mut text = std::fs::read_to_string(&path).unwrap();
        for ((from, to), made) in changes.iter().zip(&mut made) {
            *made += text.matches(from).count();
            text = text.replace(from, to);
        }
        std::fs::write(directory.path().join(path.file_name().unwrap()), text).unwrap();
    }
    assert!(made.iter().all(|&count| count > 0), "a change was not made: {changes:?}");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(directory.path()).unwrap();
    let world = resolve.select_world(&[package], Some("retriever")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    component::encode(&module).unwrap()
}

fn loaded(changes: &[(&str, &str)]) -> Result<Plugin> {
    plugins::compile("skewed", &component(changes))
}

/// The message to the user, on one line.
fn refusal(changes: &[(&str, &str)]) -> String {
    let Err(error) = loaded(changes) else { panic!("{changes:?} was loaded") };
    let refusal = error.to_string();
    assert_eq!(refusal.lines().count(), 1, "{refusal}");
    refusal
}

#[test]
fn a_component_of_the_same_shape_is_loaded() {
    loaded(&[("/// A stream of documents.", "/// A stream of all documents.")]).unwrap();
    loaded(&[("plugin@0.2.0", "plugin@0.2.7")]).unwrap();
}

#[test]
fn a_component_that_exports_more_is_loaded() {
    let more = "    facts: func() -> list<tuple<string, string>>;\n    warm-up: func();\n";
    loaded(&[("    facts: func() -> list<tuple<string, string>>;\n", more)]).unwrap();
}

#[test]
fn a_component_of_another_version_is_reported_both() {
    let newer = refusal(&[("plugin@0.2.0", "plugin@0.3.0")]);
    assert!(newer.contains("built for version 0.3.0") && newer.contains("serves 0.2.0; update ScaleDown"), "{newer}");
    let older = refusal(&[("plugin@0.2.0", "plugin@0.1.4")]);
    assert!(older.contains("built for version 0.1.4") && older.contains("build it again"), "{older}");
}

#[test]
fn what_a_component_misses_or_knows_otherwise_is_named() {
    let function =
        refusal(&[("plugin@0.2.0", "plugin@0.2.9"), ("    now: func()", "    zone: func() -> string;\n    now: func()")]);
    assert!(function.contains("clock") && function.contains("zone"), "{function}");
    let case = refusal(&[("enum level { error, warn, info, debug }", "enum level { error, warn, info, debug, trace }")]);
    assert!(case.contains("log"), "{case}");
    let field = refusal(&[("        score: f32,\n", "        score: f32,\n        rank: u32,\n")]);
    assert!(field.contains("skewed"), "{field}");
    let interface = refusal(&[
        ("    import http;", "    import http;\n    import graphics;"),
        ("/// Services. Needs", "interface graphics { draw: func(); }\n\n/// Services. Needs"),
    ]);
    assert!(interface.contains("imports scaledown:plugin/graphics@0.2.0, which this host does not have"), "{interface}");
}
