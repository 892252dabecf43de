//! The WIT interface has a function for each instruction that a component may call:
//! `wit/plugin-0.2.0/instructions.wit` is what the table of instructions says.
//! `SCALEDOWN_WRITE_FIXTURES=1` writes it again.

use std::path::{Path, PathBuf};

use scaledown_sdk::Op;
use scaledown_sdk::tensor::Audience;
use scaledown_tests::wit;
use wit_parser::Resolve;

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../wit/plugin-0.2.0")
}

#[test]
fn the_interface_is_the_table() {
    let path = package().join("instructions.wit");
    let generated = wit::instructions();
    if std::env::var_os("SCALEDOWN_WRITE_FIXTURES").is_some() {
        // The other test may be reading it.
        let new = path.with_extension("new");
        std::fs::write(&new, &generated).unwrap();
        std::fs::rename(&new, &path).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(committed, generated, "write {} again with SCALEDOWN_WRITE_FIXTURES=1", path.display());
}

/// The digest of every version's directory. A released one stays as it is for ever; one that is not
/// released yet may change, on purpose: then change its digest here, and build the fixtures again
/// (see the policy in `wit/README.md`).
const VERSIONS: [(&str, &str); 1] = [("plugin-0.2.0", "d1e81af54301537c21ed640100f4dab387c53a5273eda2532f346bb66d1b8120")];

/// The SHA-256 of a directory's files, each with its name and length before it.
fn digest(directory: &Path) -> String {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wit"));
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let content = std::fs::read(&path).unwrap();
        all.extend_from_slice(format!("{}\0{}\0", path.file_name().unwrap().to_str().unwrap(), content.len()).as_bytes());
        all.extend_from_slice(&content);
    }
    scaledown_wasm::digest(&all)
}

#[test]
fn no_version_changes_unnoticed() {
    let root = package().join("..");
    let directories = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> =
        directories.filter(|path| path.is_dir()).map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, VERSIONS.map(|(name, _)| name), "each version has its digest here");
    for (name, expected) in VERSIONS {
        let found = digest(&root.join(name));
        assert_eq!(found, expected, "wit/{name} has changed; if that is on purpose, and it is not released, this is its digest");
    }
}

#[test]
fn the_package_parses_and_has_every_instruction() {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(package()).unwrap_or_else(|error| panic!("{error:#}"));
    let interface = resolve.packages[package].interfaces["instructions"];
    let functions: Vec<&str> = resolve.interfaces[interface].functions.keys().map(String::as_str).collect();
    for declaration in Op::TABLE {
        let name = declaration.name.replace('_', "-");
        let families = ["unary", "binary", "compare"];
        let there = families.contains(&declaration.name) || functions.iter().any(|function| function.starts_with(&name));
        match declaration.audience {
            Audience::Everyone => assert!(there, "{name} is missing"),
            Audience::Host => assert!(!functions.contains(&name.as_str()), "{name} is the host's alone"),
        }
    }
    for function in ["gelu-tanh", "maximum", "ge", "reduce-max", "gated-silu", "bias-activation-gelu", "top-k", "split"] {
        assert!(functions.contains(&function), "{function}");
    }
}

#[test]
fn the_reference_is_the_package() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/plugin-interface.md");
    let generated = scaledown_tests::wit_reference::markdown(&package()).unwrap();
    if std::env::var_os("SCALEDOWN_WRITE_FIXTURES").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), generated, "write it again with SCALEDOWN_WRITE_FIXTURES=1");
}
