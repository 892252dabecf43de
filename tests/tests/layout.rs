//! Dependencies point down: between the rooms of the host library, and between the crates of the
//! workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The rooms of `host/core/src` by floors, from the ground up. A room uses rooms of lower floors
/// only.
const FLOORS: [&[&str]; 10] = [
    &["error"],
    &["support"],
    &["text"],
    &["plugins"],
    &["data"],
    &["model", "retrieval"],
    &["answer", "prepare", "train"],
    &["evaluate"],
    &["config"],
    &["run"],
];

/// The crates by floors, from the ground up. A crate depends on crates of lower floors only; tests
/// are not counted.
const CRATES: [&[&str]; 6] = [
    &["scaledown-sdk", "scaledown-sparse-index"],
    &["scaledown-conformance", "scaledown-remote", "scaledown-splade", "scaledown-cpu", "scaledown-cuda", "scaledown-wasm"],
    &[
        "scaledown-adapter",
        "scaledown-bm25",
        "scaledown-candle",
        "scaledown-cuda-emulator",
        "scaledown-deberta",
        "scaledown-decoder-compressor",
        "scaledown-milvus",
        "scaledown-mistral",
        "scaledown-modernbert",
        "scaledown-n-layers",
        "scaledown-openai",
        "scaledown-qdrant",
        "scaledown-trainium",
        "scaledown-example-wasm-compressor",
        "scaledown-example-letters",
        "scaledown-example-cards",
        "scaledown-example-fusion",
        "scaledown-example-decoder",
    ],
    &["scaledown-host"],
    &["scaledown"],
    &["scaledown-custom-host", "scaledown-gpu-check", "scaledown-tests"],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file below `directory` whose name ends in `.rs`.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The room of a file: the folder or file directly in `src`. `lib.rs` is the house itself.
fn room(file: &Path, src: &Path) -> Option<String> {
    let first = file.strip_prefix(src).ok()?.components().next()?;
    let name = first.as_os_str().to_str()?.trim_end_matches(".rs");
    (name != "lib").then(|| name.to_owned())
}

/// The names that stand directly behind every `crate::` of a file, also in groups
/// (`use crate::{Error, text::Tokenizer}`).
fn names(source: &str) -> BTreeSet<String> {
    let code: Vec<&str> = source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let word = |text: &str| text.trim_start().chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (at, letter) in group.char_indices() {
            if start && !letter.is_whitespace() {
                found.insert(word(&group[at..]));
                start = false;
            }
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                _ => {}
            }
        }
    }
    found.remove("");
    found
}

/// The arrows from each room to the rooms that it uses, with a file in which each stands.
fn arrows(src: &Path) -> BTreeMap<(String, String), PathBuf> {
    let mut arrows = BTreeMap::new();
    for file in sources(src) {
        let Some(from) = room(&file, src) else { continue };
        for name in names(&std::fs::read_to_string(&file).unwrap()) {
            // `Error` and `Result` stand in the crate's root, for short.
            let to = if name.starts_with(char::is_uppercase) { "error".to_owned() } else { name };
            if to != from {
                arrows.insert((from.clone(), to), file.clone());
            }
        }
    }
    arrows
}

/// What is wrong with arrows between things that stand on these floors.
fn upward(arrows: impl IntoIterator<Item = (String, String, String)>, floors: &[&[&str]]) -> Vec<String> {
    let floor = |name: &str| floors.iter().position(|floor| floor.contains(&name));
    let wrong = arrows.into_iter().filter_map(|(from, to, place)| match (floor(&from), floor(&to)) {
        (Some(above), Some(below)) if above > below => None,
        (Some(_), Some(_)) => Some(format!("{place}: {from} uses {to}, which does not stand on a lower floor")),
        _ => Some(format!("{place}: {from} uses {to}, and one of them has no floor; give it one in tests/tests/layout.rs")),
    });
    wrong.collect()
}

#[test]
fn rooms_use_rooms_of_lower_floors_only() {
    let src = root().join("host/core/src");
    let arrows = arrows(&src);
    assert!(arrows.len() > 20, "only {} arrows were found", arrows.len());
    let named = arrows.into_iter().map(|((from, to), file)| (from, to, file.strip_prefix(&src).unwrap().display().to_string()));
    let wrong = upward(named, &FLOORS);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_depend_on_crates_of_lower_floors_only() {
    let manifest = |file: &Path| -> toml::Table { std::fs::read_to_string(file).unwrap().parse().unwrap() };
    let workspace = manifest(&root().join("Cargo.toml"));
    let members = workspace["workspace"]["members"].as_array().unwrap().clone();
    let mut arrows = Vec::new();
    for member in &members {
        let member = member.as_str().unwrap();
        let package = manifest(&root().join(member).join("Cargo.toml"));
        let from = package["package"]["name"].as_str().unwrap().to_owned();
        let dependencies = package.get("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        let own = dependencies.into_iter().map(|(name, _)| name).filter(|name| name.starts_with("scaledown"));
        arrows.extend(own.map(|to| (from.clone(), to, format!("{member}/Cargo.toml"))));
    }
    assert!(arrows.len() > 20, "only {} arrows were found", arrows.len());
    // What builds without one another.
    let knows = |from: &str| arrows.iter().filter(|arrow| arrow.0 == from).map(|arrow| arrow.1.as_str()).collect::<Vec<_>>();
    assert_eq!(knows("scaledown-host"), ["scaledown-remote", "scaledown-sdk"], "the library links no plugin and no WebAssembly");
    assert_eq!(knows("scaledown-wasm"), ["scaledown-sdk"]);
    let wrong = upward(arrows, &CRATES);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn upward_arrows_and_circles_are_found() {
    let floors: [&[&str]; 2] = [&["a", "b"], &["c"]];
    let wrong = |arrows: &[(&str, &str)]| {
        upward(arrows.iter().map(|&(from, to)| (from.to_owned(), to.to_owned(), "file".to_owned())), &floors).len()
    };
    assert_eq!(wrong(&[("c", "a"), ("c", "b")]), 0);
    assert_eq!(wrong(&[("a", "c")]), 1, "an arrow that runs up");
    assert_eq!(wrong(&[("a", "b"), ("b", "a")]), 2, "a circle on one floor");
    assert_eq!(wrong(&[("a", "d")]), 1, "a room without a floor");
    let source = "use crate::{Error, text::{Piece, stop}, data};\n// use crate::no;\nfn f() -> crate::run::X { $crate::y!() }\n";
    assert_eq!(names(source).into_iter().collect::<Vec<_>>(), ["Error", "data", "run", "text"]);
}

#[test]
fn a_custom_host_leaves_out_services_and_web_assembly() {
    let manifest = |name: &str| -> toml::Table { std::fs::read_to_string(root().join(name)).unwrap().parse().unwrap() };
    let (host, cli) = (manifest("examples/custom-host/Cargo.toml"), manifest("host/cli/Cargo.toml"));
    let chosen = host["dependencies"]["scaledown"]["features"].as_array().unwrap();
    let heavy = ["milvus", "qdrant", "full", "default"];
    assert!(!chosen.iter().any(|feature| feature.as_str() == Some("wasm")), "{chosen:?}");
    assert!(chosen.iter().all(|feature| !heavy.contains(&feature.as_str().unwrap())), "{chosen:?}");
    let default = cli["features"]["default"].as_array().unwrap();
    assert!(default.iter().all(|feature| !heavy.contains(&feature.as_str().unwrap())), "{default:?}");
    for (name, dependency) in cli["dependencies"].as_table().unwrap() {
        let plain = ["scaledown-host", "scaledown-sdk"].contains(&name.as_str()) || !name.starts_with("scaledown-");
        let optional = dependency.get("optional").and_then(toml::Value::as_bool) == Some(true);
        assert!(plain || optional, "{name} is not optional, so every host compiles it");
    }
}
