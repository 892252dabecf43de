//! The documents name commands and paths that exist, and the commands of the guide run.

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

/// The guide for a corpus of one's own.
fn guide() -> String {
    std::fs::read_to_string(root().join("docs/corpus.md")).unwrap()
}

/// The text under a title, up to the next one of the same level.
fn section<'a>(text: &'a str, title: &str) -> &'a str {
    let (_, rest) = text.split_once(title).unwrap_or_else(|| panic!("no section {title:?}"));
    rest.split("\n## ").next().unwrap_or_default()
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
                command = found.unwrap_or_else(|| panic!("{name}: `{line}`: unknown subcommand `{argument}`"));
            }
            for option in arguments.iter().filter_map(|argument| argument.strip_prefix("--")).filter(|option| !option.is_empty())
            {
                let known = command.get_arguments().any(|argument| argument.get_long() == Some(option)) || option == "quiet";
                assert!(known, "{name}: `{line}`: unknown option `--{option}`");
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
        // `0/2` is a shard of the questions.
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
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let links = links.filter(|link| !link.contains("://") && !link.is_empty());
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

/// Two screens, where one has 60 lines.
const README_LINES: usize = 120;

#[test]
fn the_readme_is_short_and_has_its_number_and_plots() {
    let readme = readme();
    assert!(readme.lines().count() <= README_LINES, "{} lines", readme.lines().count());
    let path = root().join("docs/plots/metrics.json");
    let metrics: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let number = |pointer: &str| metrics.pointer(pointer).and_then(serde_json::Value::as_f64).unwrap();
    let flops = number("/speed/uncompressed/tflop") / number("/speed/compressed/tflop");
    let kept = 100.0 * number("/after/em") / number("/uncompressed/em");
    let text = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    let measured = format!(
        "**{:.1}x faster with {flops:.1}x fewer FLOPs, and keep {kept:.0} % of the exact match**",
        number("/speed/speedup")
    );
    assert!(text.contains(&measured), "expected {measured:?}, the numbers of docs/plots/metrics.json");
    for (name, pointer) in [("compressed, after training", "/after/em"), ("full documents", "/uncompressed/em")] {
        let row = readme.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(row.contains(&format!(" {:.3} ", number(pointer))), "{row}");
    }
}

#[test]
fn the_continuous_integration_runs_the_readmes_test_command() {
    let readme = readme();
    let script = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    let test = commands(&readme).into_iter().find(|line| line.starts_with("cargo test")).unwrap();
    assert!(script.lines().any(|line| line.trim() == test), "`{test}` is not a line of .ci/run");
}

/// Overrides that make the guide's configuration small and local.
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
fn the_guides_training_runs() {
    use crate::tiny::Tiny;

    let (tiny, guide) = (Tiny::new(), guide());
    let training = section(&guide, "## 5. Train, measure, answer");
    let records = &blocks(training, "jsonl")[0];
    tiny.write("train.jsonl", records);
    tiny.write("test.jsonl", records);
    tiny.write("documents.txt", "The home of Hazel Brenow is Aspen Vale.\nBirch Loom is framed in walnut.\n");
    tiny.write("text.txt", "The home of Hazel Brenow is Aspen Vale.\nBirch Loom is framed in walnut.\n");
    tiny.write("my.toml", &blocks(section(&guide, "## 3. Choose generator and compressor"), "toml")[0]);
    let binary = Path::new(env!("CARGO_BIN_EXE_scaledown"));
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let commands: Vec<String> =
        blocks(training, "sh").iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(commands.len() >= 7, "{commands:?}");
    for command in commands.iter().filter(|command| command.starts_with("scaledown ")) {
        let mut shell = std::process::Command::new("sh");
        let environment = SMALL.iter().map(|(key, value)| (format!("SCALEDOWN_{key}"), *value));
        let output =
            shell.args(["-ec", command]).current_dir(tiny.path(".")).env("PATH", &path).envs(environment).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // The table of the output directory is complete.
    let table = section(&guide, "## The output directory");
    let rows = table.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1).unwrap());
    let mut named: Vec<String> = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned)).collect();
    let mut found: Vec<String> =
        std::fs::read_dir(tiny.path("runs/my")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    named.sort();
    found.sort();
    assert_eq!(found, named);
}

/// Overrides that replace downloads with the embedded models.
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
fn the_guides_preparation_runs() {
    use crate::tiny::Tiny;

    let (tiny, guide) = (Tiny::new(), guide());
    let preparing = section(&guide, "## 4. Prepare training data");
    let tables =
        ["## 1. Describe", "## 2. Choose", "## 3. Choose"].map(|title| blocks(section(&guide, title), "toml")[0].clone());
    tiny.write("my.toml", tables.join("\n"));
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
        blocks(preparing, "sh").iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(commands.len() >= 9, "{commands:?}");
    for command in &commands {
        let mut shell = std::process::Command::new("sh");
        let small = SMALL.iter().map(|(key, value)| (*key, (*value).to_owned())).chain(embedded_models());
        let environment = small.map(|(key, value)| (format!("SCALEDOWN_{key}"), value));
        let output =
            shell.args(["-ec", command]).current_dir(tiny.path(".")).env("PATH", &path).envs(environment).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(tiny.read("train.jsonl"), tiny.read("runs/my/records.jsonl"), "the merged shards differ from the whole");
    assert_eq!(tiny.read("my.run").lines().next().unwrap().split(' ').nth(2), Some("a#0"));
}
