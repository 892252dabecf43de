//! The documents in the repository's root name commands and paths that exist.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn documents() -> Vec<(String, String)> {
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]
        .into_iter()
        .map(|name| (name.to_owned(), std::fs::read_to_string(root().join(name)).unwrap()))
        .collect()
}

/// The lines of code blocks.
fn commands(text: &str) -> Vec<String> {
    text.split("```").skip(1).step_by(2).flat_map(|block| block.lines().skip(1)).map(|line| line.trim().to_owned()).collect()
}

/// The texts between single backticks, code blocks aside.
fn code_spans(text: &str) -> Vec<String> {
    let prose: String = text.split("```").step_by(2).collect();
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The arguments of `scaledown` in a line, however it is started.
fn arguments(line: &str) -> Option<Vec<String>> {
    let rest = line.strip_prefix("cargo run --release -- ").or_else(|| line.strip_prefix("scaledown "))?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

#[test]
fn commands_in_the_documents_exist() {
    let mut seen = 0;
    for (name, text) in documents() {
        let spans = code_spans(&text).into_iter().filter(|span| span.starts_with("scaledown "));
        for line in commands(&text).into_iter().chain(spans) {
            let Some(arguments) = arguments(&line) else { continue };
            seen += 1;
            let mut command = &scaledown::cli::command();
            for argument in arguments.iter().take_while(|argument| !argument.starts_with('-')) {
                if !command.has_subcommands() {
                    break;
                }
                let found = command.find_subcommand(argument);
                command = found.unwrap_or_else(|| panic!("{name}: `{line}`: there is no subcommand `{argument}`"));
            }
            for option in arguments.iter().filter_map(|argument| argument.strip_prefix("--")).filter(|option| !option.is_empty())
            {
                let known = command.get_arguments().any(|argument| argument.get_long() == Some(option)) || option == "quiet";
                assert!(known, "{name}: `{line}`: there is no option `--{option}`");
            }
        }
    }
    assert!(seen > 3, "only {seen} commands were found");
}

#[test]
fn paths_in_the_documents_exist() {
    const GENERATED: [&str; 2] = ["runs/", "target/"];
    let is_path = |word: &str| {
        let plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter));
        plain && word.contains('/') && !word.starts_with('/')
    };
    let mut seen = 0;
    for (name, text) in documents() {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://"));
        let in_commands =
            commands(&text).into_iter().flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let words = code_spans(&text).into_iter().chain(in_commands).filter(|word| is_path(word));
        for path in words.chain(links.map(str::to_owned)) {
            if GENERATED.iter().any(|generated| path.starts_with(generated)) {
                continue;
            }
            seen += 1;
            assert!(root().join(&path).exists(), "{name} names `{path}`, which does not exist");
        }
    }
    assert!(seen > 10, "only {seen} paths were found");
}

#[test]
fn the_continuous_integration_runs_the_readmes_test_command() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let script = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    let test = commands(&readme).into_iter().find(|line| line.starts_with("cargo test")).unwrap();
    assert!(script.lines().any(|line| line.trim() == test), "`{test}` is not a line of .ci/run");
}
