//! A type's name says which type it is: no crate has two types of one name, and no two crates
//! export one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each crate names its own error and result so, as the standard library does.
const IDIOMS: [&str; 2] = ["Error", "Result"];

/// Types of the sdk with two forms: one for the host, one for a component that is compiled to
/// WebAssembly.
const TWO_FORMS: [&str; 5] = ["Device", "Inner", "Param", "Params", "Tensor"];

/// A definition of a type at the top level of a file.
struct Definition {
    name: String,
    is_public: bool,
    krate: String,
    place: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a crate's library and binary, without those of its tests.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

/// The type that a line defines, and whether it is public. Nested items and associated types are
/// indented.
fn defined(line: &str) -> Option<(&str, bool)> {
    let (rest, is_public) = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => (rest.split_once(") ")?.1, false),
        Some(rest) => (rest.strip_prefix(' ')?, true),
        None => (line, false),
    };
    let keywords = ["struct ", "enum ", "trait ", "type ", "union "];
    let rest = keywords.iter().find_map(|keyword| rest.strip_prefix(keyword))?;
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
    Some((&rest[..end], is_public))
}

fn definitions() -> Vec<Definition> {
    let workspace: toml::Table = std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let mut found = Vec::new();
    for krate in members.iter().map(|member| member.as_str().unwrap()) {
        let src = root().join(krate).join("src");
        for file in sources(&src) {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
            for (index, line) in code.lines().enumerate() {
                let Some((name, is_public)) = defined(line) else { continue };
                let shown = file.strip_prefix(root()).unwrap().display();
                let place = format!("{shown}:{}", index + 1);
                found.push(Definition { name: name.to_owned(), is_public, krate: krate.to_owned(), place });
            }
        }
    }
    found
}

#[test]
fn every_type_has_a_name_of_its_own() {
    let mut by_name = BTreeMap::<String, Vec<Definition>>::new();
    for definition in definitions() {
        by_name.entry(definition.name.clone()).or_default().push(definition);
    }
    assert!(by_name.len() > 500, "only {} types were found", by_name.len());
    let mut wrong = Vec::new();
    for (name, found) in by_name.iter().filter(|(name, _)| !IDIOMS.contains(&name.as_str())) {
        let crates: BTreeSet<&str> = found.iter().map(|definition| definition.krate.as_str()).collect();
        let exported: BTreeSet<&str> =
            found.iter().filter(|definition| definition.is_public).map(|definition| definition.krate.as_str()).collect();
        let twice = found.len() > crates.len() && !TWO_FORMS.contains(&name.as_str());
        if twice || exported.len() > 1 {
            let places: Vec<&str> = found.iter().map(|definition| definition.place.as_str()).collect();
            wrong.push(format!("{name}: {}", places.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "{} types share a name; rename one of each:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn definitions_are_read_as_they_are_written() {
    assert_eq!(defined("pub struct Layer<T> {"), Some(("Layer", true)));
    assert_eq!(defined("pub(super) enum Kind {"), Some(("Kind", false)));
    assert_eq!(defined("type Open = Box<u8>;"), Some(("Open", false)));
    assert_eq!(defined("    type Item = u8;"), None);
    assert_eq!(defined("// struct Layer"), None);
}
