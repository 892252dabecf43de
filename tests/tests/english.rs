//! Comments and messages are plain English, as far as that can be counted: lines are at most 100
//! columns wide, and none has the words that the project's style rejects.

use std::path::{Path, PathBuf};

/// The last column of a comment.
const WIDTH: usize = 100;

/// Words and phrases with a plainer form, and that form. A phrase matches whole words.
const PLAINER: [(&str, &str); 26] = [
    ("is told", "is reported, gets"),
    ("are told", "are reported, get"),
    ("anew", "again, re-"),
    ("at work in", "running in, locked by"),
    ("is at work", "is running, holds the lock"),
    ("parted by", "separated by"),
    ("that is there", "existing"),
    ("is there a second time", "duplicate"),
    ("it is no", "it is not, not a"),
    ("no weight too much", "used"),
    ("has it that", "says"),
    ("are as they", "unchanged"),
    ("as it was or as it was to be", "atomic: old or new"),
    ("whoever", "callers that"),
    ("somebody", "a user, another process"),
    ("nobody", "no one, unused, unshared"),
    ("go on with", "continue, resume"),
    ("goes on with", "continues, resumes"),
    ("gone on with", "continued"),
    ("made again", "retried, repeated, rebuilt"),
    ("gives back", "returns"),
    ("give back", "return"),
    ("what comes of", "the result of"),
    ("times less arithmetic", "x fewer FLOPs"),
    ("data set", "dataset"),
    ("catalogue", "registry"),
];

/// Sentences that quote a phrase on purpose.
const QUOTED: [&str; 1] = ["tests/tests/english.rs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of the repository with one of these endings, by path from the root, with contents.
fn files(endings: &[&str]) -> Vec<(String, String)> {
    fn find(directory: &Path, endings: &[&str], found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let skipped = name.starts_with('.') || ["target", "fixtures", "assets", "runs"].contains(&name.as_str());
            if path.is_dir() {
                if !skipped {
                    find(&path, endings, found);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let shown = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((shown, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    find(&root(), endings, &mut found);
    assert!(found.len() > 10, "only {} files of {endings:?} were found", found.len());
    found
}

/// Whether a line is a comment that can be wrapped: no table, no address.
fn is_wrappable_comment(line: &str, marker: &str) -> bool {
    let text = line.trim_start();
    text.starts_with(marker) && !text.contains("://") && !text.contains(" | ")
}

#[test]
fn comments_are_at_most_100_columns_wide() {
    let mut wide = Vec::new();
    for (endings, marker) in [([".rs", ".wit"].as_slice(), "//"), ([".toml", ".sh"].as_slice(), "#")] {
        for (name, text) in files(endings) {
            let lines = text.lines().enumerate().filter(|(_, line)| is_wrappable_comment(line, marker));
            let lines = lines.filter(|(_, line)| line.chars().count() > WIDTH);
            wide.extend(lines.map(|(index, _)| format!("{name}:{}", index + 1)));
        }
    }
    assert!(wide.is_empty(), "{} comments are wider than {WIDTH} columns:\n{}", wide.len(), wide.join("\n"));
}

/// The text of comments and messages in lower case, in which line breaks do not hide a phrase.
fn prose(name: &str, text: &str) -> String {
    let relevant = |line: &&str| !name.ends_with(".rs") || line.contains("//") || line.contains('"') || line.ends_with('\\');
    let words = text.lines().filter(relevant).flat_map(|line| {
        let line = line.trim_start().trim_start_matches(['/', '!', '#']);
        line.split_whitespace().filter(|word| *word != "\\").map(str::to_lowercase).collect::<Vec<_>>()
    });
    words.collect::<Vec<_>>().join(" ")
}

fn contains_words(prose: &str, phrase: &str) -> bool {
    let is_letter = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    prose
        .match_indices(phrase)
        .any(|(at, _)| !is_letter(prose[..at].chars().next_back()) && !is_letter(prose[at + phrase.len()..].chars().next()))
}

#[test]
fn comments_messages_and_documents_use_plain_words() {
    let mut found = Vec::new();
    for (name, text) in files(&[".rs", ".wit", ".md", ".toml", ".html"]) {
        if QUOTED.contains(&name.as_str()) {
            continue;
        }
        let prose = prose(&name, &text);
        let phrases = PLAINER.iter().filter(|(phrase, _)| contains_words(&prose, phrase));
        found.extend(phrases.map(|(phrase, plainer)| format!("{name}: {phrase:?}; say {plainer}")));
    }
    assert!(found.is_empty(), "{} phrases:\n{}", found.len(), found.join("\n"));
}

#[test]
fn functions_of_the_plugin_interface_are_described_by_a_sentence() {
    let mut wrong = Vec::new();
    for (name, text) in files(&[".wit", ".rs"]).into_iter().filter(|(name, _)| name.ends_with(".wit")) {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(": func(")) {
            let documented: Vec<&str> = lines[..index].iter().rev().take_while(|line| line.starts_with("///")).copied().collect();
            let first = documented.last().map(|line| line.trim_start_matches('/').trim()).unwrap_or_default();
            let subject =
                first.starts_with(|letter: char| letter.is_uppercase() || letter == '`' || letter == '[' || letter == '(');
            if !subject {
                wrong.push(format!("{name}:{}: {line}", index + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "these functions lack a description that begins with its subject:\n{}", wrong.join("\n"));
}
