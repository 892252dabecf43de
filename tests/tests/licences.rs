//! Every package of the lock has a licence that `deny.toml` allows.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Whether a licence expression (SPDX, or the older `A/B`) can be met with the allowed licences.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = any(&words, allowed);
    met && rest.is_empty()
}

/// Alternatives. Returns the rest of the words.
fn any<'a, 'w>(words: &'w [&'a str], allowed: &[String]) -> (bool, &'w [&'a str]) {
    let (mut met, mut rest) = all(words, allowed);
    while let [first, after @ ..] = rest
        && *first == "OR"
    {
        let (other, remaining) = all(after, allowed);
        (met, rest) = (met | other, remaining);
    }
    (met, rest)
}

/// Licences that all hold.
fn all<'a, 'w>(words: &'w [&'a str], allowed: &[String]) -> (bool, &'w [&'a str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let [first, after @ ..] = rest
        && *first == "AND"
    {
        let (other, remaining) = one(after, allowed);
        (met, rest) = (met & other, remaining);
    }
    (met, rest)
}

/// A licence, with its exception, or a group in parentheses.
fn one<'a, 'w>(words: &'w [&'a str], allowed: &[String]) -> (bool, &'w [&'a str]) {
    match words {
        ["(", group @ ..] => {
            let (met, rest) = any(group, allowed);
            (met, rest.strip_prefix(&[")"]).unwrap_or(rest))
        }
        [licence, "WITH", exception, rest @ ..] => (allowed.contains(&format!("{licence} WITH {exception}")), rest),
        [licence, rest @ ..] => (allowed.iter().any(|allowed| allowed == licence), rest),
        [] => (false, words),
    }
}

/// What a command prints.
fn run(program: &str, arguments: &[&str], directory: &Path) -> String {
    let done = Command::new(program).args(arguments).current_dir(directory).output().unwrap();
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn expressions_are_read() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(String::from);
    for met in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND ISC", "Apache-2.0 WITH LLVM-exception"] {
        assert!(is_met(met, &allowed), "{met}");
    }
    for unmet in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(GPL-3.0 OR MIT) AND GPL-3.0", "", "MIT GPL-3.0"] {
        assert!(!is_met(unmet, &allowed), "{unmet}");
    }
}

#[test]
fn every_package_has_an_allowed_licence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rules: toml::Table = std::fs::read_to_string(root.join("deny.toml")).unwrap().parse().unwrap();
    let licences = &rules["licenses"];
    let allowed: Vec<String> = licences["allow"].clone().try_into().unwrap();
    let clarified: BTreeMap<&str, &str> = licences["clarify"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (rule["crate"].as_str().unwrap(), rule["expression"].as_str().unwrap()))
        .collect();
    // Packages of other platforms are not downloaded.
    let described = run("rustc", &["-vV"], &root);
    let host = described.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let listed = run(&cargo, &["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host], &root);
    let metadata: Value = serde_json::from_str(&listed).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100);
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().or_else(|| clarified.get(name).copied()).unwrap_or_default();
        assert!(is_met(licence, &allowed), "{name} has the licence {licence:?}, which deny.toml does not allow");
    }
}
