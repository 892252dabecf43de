//! The documents name commands and paths that exist, and what the README shows runs.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent).unwrap().to_owned()
}

/// Directories that are not committed.
const GENERATED: [&str; 3] = ["runs/", "target/", "quickstart/"];

/// Every Markdown file, by its path from the root, with its text.
fn documents() -> Vec<(String, String)> {
    fn find(directory: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            let hidden = path.file_name().unwrap().to_str().unwrap().starts_with('.');
            if path.is_dir() && !hidden && !GENERATED.contains(&format!("{name}/").as_str()) {
                find(&path, found);
            } else if name.ends_with(".md") {
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    find(&root(), &mut found);
    found.sort();
    found
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The code blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let blocks = text.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    blocks.filter(|(found, _)| *found == language).map(|(_, body)| body.to_owned()).collect()
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
            let mut command = &scaledown::command();
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
    const ENDINGS: [&str; 9] = ["/", ".md", ".rs", ".py", ".toml", ".json", ".wit", ".wasm", ".txt"];
    let is_path = |word: &str| {
        let plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter));
        // `fixtures/NAME/` stands for many.
        let named = !word.split('/').any(|part| part.len() > 1 && part.chars().all(|letter| letter.is_ascii_uppercase()));
        // `0/2` is a share of the questions.
        let share = word.split('/').all(|part| part.chars().all(|letter| letter.is_ascii_digit()));
        plain && named && !share && word.contains('/') && !word.starts_with('/')
    };
    let mut seen = 0;
    let documents = documents();
    assert!(documents.len() > 6, "only {} documents were found", documents.len());
    for (name, text) in documents {
        let directory = root().join(&name).parent().unwrap().to_owned();
        // Below the root, what has no file's ending may be the name of a tensor.
        let is_path = |word: &str| is_path(word) && (directory == root() || ENDINGS.iter().any(|end| word.ends_with(end)));
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://"));
        let in_commands =
            commands(&text).into_iter().flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let words = code_spans(&text).into_iter().chain(in_commands).filter(|word| is_path(word));
        for path in words.chain(links.map(str::to_owned)) {
            if GENERATED.iter().any(|generated| path.starts_with(generated)) {
                continue;
            }
            seen += 1;
            let exists = root().join(&path).exists() || directory.join(&path).exists();
            assert!(exists, "{name} names `{path}`, which does not exist");
        }
    }
    assert!(seen > 10, "only {seen} paths were found");
}

#[test]
fn the_continuous_integration_runs_the_readmes_test_command() {
    let readme = readme();
    let script = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    let test = commands(&readme).into_iter().find(|line| line.starts_with("cargo test")).unwrap();
    assert!(script.lines().any(|line| line.trim() == test), "`{test}` is not a line of .ci/run");
}

/// What makes the README's configuration one that ends soon, on a machine without a network.
const SMALL: [(&str, &str); 16] = [
    ("GENERATOR__MODEL", "./generator"),
    ("GENERATOR__INIT", "random"),
    ("COMPRESSOR__LAYERS", "1"),
    ("COMPRESSION__MEMORY_TOKENS", "2"),
    ("COMPRESSION__DOCUMENT_TOKENS", "24"),
    ("PROMPT__SYSTEM", "\"\""),
    ("PROMPT__USER", "<s><doc>{{ documents }}<q>{{ query }}<a>"),
    ("TRAINING__BATCH_SIZE", "2"),
    ("TRAINING__MICRO_BATCH", "2"),
    ("TRAINING__EPOCHS", "100"),
    ("TRAINING__MAX_STEPS", "3"),
    ("TRAINING__DTYPE", "f32"),
    ("EVALUATION__MAX_NEW_TOKENS", "4"),
    ("EVALUATION__REPETITIONS", "1"),
    ("OUTPUT__SAMPLES", "1"),
    ("OUTPUT__REPORT", "true"),
];

#[cfg(unix)]
#[test]
fn the_readmes_way_with_own_data_runs() {
    use crate::tiny::Tiny;

    let (tiny, readme) = (Tiny::new(), readme());
    let (_, section) = readme.split_once("## Train on your own data").unwrap();
    let records = &blocks(section, "jsonl")[0];
    tiny.write("train.jsonl", records);
    tiny.write("test.jsonl", records);
    tiny.write("documents.txt", "The home of Hazel Brenow is Aspen Vale.\nBirch Loom is framed in walnut.\n");
    tiny.write("text.txt", "The home of Hazel Brenow is Aspen Vale.\nBirch Loom is framed in walnut.\n");
    tiny.write("my.toml", &blocks(section, "toml")[0]);
    let binary = Path::new(env!("CARGO_BIN_EXE_scaledown"));
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let commands: Vec<String> =
        blocks(section, "sh").iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands.iter().filter(|command| command.starts_with("scaledown ")) {
        let mut shell = std::process::Command::new("sh");
        let environment = SMALL.iter().map(|(key, value)| (format!("SCALEDOWN_{key}"), *value));
        let output =
            shell.args(["-ec", command]).current_dir(tiny.path(".")).env("PATH", &path).envs(environment).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // The table of a run's directory names all that is there, and nothing else.
    let (_, table) = section.split_once("A run's directory holds:").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1).unwrap());
    let mut named: Vec<String> = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned)).collect();
    let mut found: Vec<String> =
        std::fs::read_dir(tiny.path("runs/my")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    named.sort();
    found.sort();
    assert_eq!(found, named);
}

/// Puts the models of the embedded default in the place of those that would be downloaded.
fn embedded_models() -> Vec<(&'static str, String)> {
    let model = |name: &str| root().join("host/cli/assets/atlas").join(name).display().to_string();
    vec![
        ("CORPUS__PATH", "corpus.jsonl".into()),
        ("CORPUS__CHUNKING__TOKENIZER", model("generator")),
        ("RETRIEVER__MODEL", model("splade")),
        ("RERANKER__MODEL", model("deberta")),
        ("TEACHER__MODEL", model("generator")),
        ("TEACHER__MAX_NEW_TOKENS", "4".into()),
        ("TEACHER__CHAT_TEMPLATE", "false".into()),
    ]
}

#[cfg(unix)]
#[test]
fn the_readmes_way_from_a_corpus_runs() {
    use crate::tiny::Tiny;

    let (tiny, readme) = (Tiny::new(), readme());
    let section = |title: &str| readme.split_once(title).unwrap().1.split("\n## ").next().unwrap().to_owned();
    let (corpora, preparing) =
        (section("## Corpora, questions, ready-made sets"), section("## Prepare training data from a corpus"));
    let own = section("## Train on your own data");
    let tables = [&blocks(&corpora, "toml")[0], &blocks(&preparing, "toml")[0], &blocks(&own, "toml")[0]];
    tiny.write("my.toml", tables.map(String::as_str).join("\n"));
    let document = |id: &str, text: &str| format!("{{\"key\": \"{id}\", \"body\": \"{text}\"}}\n");
    tiny.write(
        "corpus.jsonl",
        [document("a", "The home of Hazel Brenow is Aspen Vale."), document("b", "Birch Loom is framed in walnut.")].concat(),
    );
    tiny.write("questions.txt", "What is the home of Hazel Brenow?\nWhat is Birch Loom framed in?\n");
    tiny.write("qrels.tsv", "1 0 a#0 1\n2 0 b#0 1\n");
    let binary = Path::new(env!("CARGO_BIN_EXE_scaledown"));
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let commands: Vec<String> =
        blocks(&preparing, "sh").iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(commands.len() >= 9, "{commands:?}");
    for command in &commands {
        let mut shell = std::process::Command::new("sh");
        let small = SMALL.iter().map(|(key, value)| (*key, (*value).to_owned())).chain(embedded_models());
        let environment = small.map(|(key, value)| (format!("SCALEDOWN_{key}"), value));
        let output =
            shell.args(["-ec", command]).current_dir(tiny.path(".")).env("PATH", &path).envs(environment).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(tiny.read("train.jsonl"), tiny.read("runs/my/records.jsonl"), "the shares are the whole");
    assert_eq!(tiny.read("my.run").lines().next().unwrap().split(' ').nth(2), Some("a#0"));
}
