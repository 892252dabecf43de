//! Plugins in WebAssembly, named in a configuration.

use std::path::PathBuf;

use serde_json::Value;

use crate::tiny::{ENDLESS, Tiny, finish, one_error, start, train, with};

/// A committed component.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(name)
}

/// The tiny model, whose compressor is a component.
fn with_compressor() -> Tiny {
    let tiny = Tiny::new();
    tiny.write("pool.wasm", std::fs::read(fixture("attention-pool.wasm")).unwrap());
    let text = tiny.read("base.toml").replace("plugin = \"n-layers\"\nlayers = 1", "plugin = \"pool\"\nsize = 8\ndropout = 0.1");
    assert!(text.contains("plugin = \"pool\""), "{text}");
    tiny.write("base.toml", text + "[plugins.pool]\npath = \"pool.wasm\"\n");
    tiny
}

/// The parameters of the newest checkpoint and the model.
fn weights(tiny: &Tiny, directory: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = tiny.files(&format!("{directory}/model"));
    files.retain(|(name, _)| name.ends_with(".safetensors"));
    files.into_iter().map(|(name, bytes)| (name.replace(directory, ""), bytes)).collect()
}

#[test]
fn a_compressor_from_a_file_trains_evaluates_and_answers() {
    let tiny = with_compressor();
    let whole = tiny.train("whole", &ENDLESS);
    assert!(whole.len() == 8 && whole[0].loss.is_finite(), "{whole:?}");
    // The rate is the component's own.
    let resolved = tiny.done(&["config", "show", "tiny.toml"]);
    assert!(resolved.contains("sha256 = \""), "{resolved}");

    // Stopped after four steps and resumed, it ends with the same bytes.
    tiny.train("parts", &with(&ENDLESS, &["training.max_steps=4"]));
    tiny.done(&train("parts", &with(&ENDLESS, &["--resume"])));
    assert_eq!(tiny.curve("parts"), whole);
    assert_eq!(weights(&tiny, "parts"), weights(&tiny, "whole"));
    assert_eq!(weights(&tiny, "whole").len(), 2, "an adapter and a compressor");

    tiny.done(&["evaluate", "tiny.toml", "--set", "output.directory=whole"]);
    tiny.write("documents.txt", "The home of Hazel is Aspen Vale.\n");
    let answer =
        ["answer", "tiny.toml", "--json", "--query", "Where?", "--documents", "documents.txt", "--set", "output.directory=whole"];
    let answered: Value = serde_json::from_str(&tiny.done(&answer)).unwrap();
    assert!(answered["answer"].is_string(), "{answered}");
}

#[test]
fn a_training_goes_on_with_the_same_file_only() {
    let tiny = with_compressor();
    tiny.train("run", &with(&ENDLESS, &["training.max_steps=4"]));
    // A custom section changes nothing of what the component does, and everything of its digest.
    let mut bytes = std::fs::read(fixture("attention-pool.wasm")).unwrap();
    bytes.extend_from_slice(b"\0\x05\x01xabc");
    tiny.write("pool.wasm", &bytes);
    let refusal = tiny.failed(&train("run", &with(&ENDLESS, &["--resume"])), 1);
    assert!(refusal.contains("plugins.pool.sha256 was"), "{refusal}");
    let refusal =
        tiny.failed(&train("run", &with(&ENDLESS, &[&format!("plugins.pool.sha256={}", "0".repeat(64)), "--resume"])), 1);
    assert!(refusal.contains("plugins.pool.path") && refusal.contains("expected 0000"), "{refusal}");
}

#[test]
fn what_is_wrong_with_a_plugin_is_reported_by_file_line_and_reason() {
    let tiny = with_compressor();
    let refusal = |file: &[u8], settings: &[&str]| {
        tiny.write("pool.wasm", file);
        let mut arguments = vec!["config", "check", "tiny.toml"];
        settings.iter().for_each(|setting| arguments.extend(["--set", *setting]));
        tiny.failed(&arguments, 1)
    };
    let good = std::fs::read(fixture("attention-pool.wasm")).unwrap();
    for (file, expected) in [
        (&b"no component"[..], "base.toml:38: plugins.pool.path: not a WebAssembly component"),
        (b"\0asm\x01\0\0\0", "it is a core module, not a component"),
        (b"\0asm\x0d\0\x01\0", "it is a component of no kind that is known here: it exports nothing"),
        (&good[..good.len() / 2], "it is damaged"),
    ] {
        let refusal = refusal(file, &[]);
        assert!(refusal.contains(expected), "{refusal}");
    }
    let newer: Vec<u8> = replaced(&good, b"@0.2.0", b"@0.7.0");
    let newer = refusal(&newer, &[]);
    assert!(newer.contains("version 0.7.0 of the plugin interface, and this host serves 0.2.0; update ScaleDown"), "{newer}");
    let key = refusal(&good, &["compressor.sise=3"]);
    assert!(key.contains("compressor.sise: unknown key; did you mean `size`?"), "{key}");
    let unknown = refusal(&good, &["plugins.pool.permissions.raed=['x']"]);
    assert!(unknown.contains("plugins.pool.permissions.raed: unknown key; did you mean `read`?"), "{unknown}");
    let both = refusal(&good, &["plugins.pool.source=acme/pool:1.0.0"]);
    assert!(both.contains("plugins.pool.source: is set beside `path`"), "{both}");
}

/// `bytes` with every occurrence of one text replaced by another of its length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for place in 0..bytes.len().saturating_sub(from.len()) {
        if bytes[place..].starts_with(from) {
            bytes[place..place + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

#[test]
fn a_broken_plugin_that_nobody_chooses_breaks_no_other() {
    let tiny = with_compressor();
    let text = tiny.read("base.toml");
    tiny.write("base.toml", text + "[plugins.other]\npath = \"none.wasm\"\n");
    tiny.train("run", &["training.max_steps=1"]);
    let refusal = tiny.failed(&["config", "check", "tiny.toml"], 1);
    assert!(refusal.contains("plugins.other.path") && refusal.contains("none.wasm"), "{refusal}");
}

#[test]
fn plugins_are_listed_and_inspected() {
    let tiny = with_compressor();
    let listed = tiny.done(&["plugin", "list", "tiny.toml"]);
    let line = listed.lines().find(|line| line.contains("pool")).unwrap();
    assert!(line.starts_with("compressor") && line.contains("sha256:"), "{listed}");
    let inspected = tiny.done(&["plugin", "inspect", "pool.wasm"]);
    for expected in ["kinds: compressor", "interface: 0.2.0", "scaledown:plugin/tensor@0.2.0"] {
        assert!(inspected.contains(expected), "{inspected}");
    }
}

/// A corpus of cards, and a configuration of plugins over it.
fn with_cards(retriever: &str) -> Tiny {
    let tiny = Tiny::new();
    for name in ["letters", "cards"] {
        tiny.write(&format!("{name}.wasm"), std::fs::read(fixture(&format!("{name}.wasm"))).unwrap());
    }
    tiny.write(
        "some.cards",
        "# hazel-brenow\nhome: Aspen Vale\ntrade: weaver\n\n# birch-loom\nframe: walnut\n\n# aspen-vale\nriver: Orra\n",
    );
    tiny.write("questions.txt", "What is the home of Hazel Brenow?\nWhat is the frame of Birch Loom?\n");
    let text = "[corpus]\nplugin = \"cards\"\npath = \"some.cards\"\n[questions]\nformat = \"text\"\npath = \"questions.txt\"\n\
        [plugins.cards]\npath = \"cards.wasm\"\n[plugins.letters]\npath = \"letters.wasm\"\n[output]\ndirectory = \"run\"\n";
    tiny.write("cards.toml", format!("{text}{retriever}"));
    tiny
}

const LETTERS: &str = "[plugins.cards.permissions]\nread = [\"some.cards\"]\n[retriever]\nplugin = \"letters\"\n";

#[test]
fn a_corpus_a_retriever_a_reranker_and_a_teacher_from_files_make_records() {
    let more =
        "[reranker]\nplugin = \"letters\"\nsize = 4\n[teacher]\nplugin = \"cards\"\n[preparation]\nretrieve = 3\nkeep = 2\n";
    let tiny = with_cards(&format!("{LETTERS}{more}"));
    let chunks = tiny.done(&["corpus", "chunks", "cards.toml"]);
    assert!(chunks.contains("The home of Hazel Brenow is Aspen Vale."), "{chunks}");
    tiny.done(&["index", "build", "cards.toml"]);
    let found = tiny.done(&["index", "search", "cards.toml", "--query", "hazell brenov"]);
    assert!(found.contains("hazel-brenow"), "{found}");
    tiny.done(&["index", "info", "cards.toml"]);
    tiny.done(&["prepare", "cards.toml"]);
    let records = tiny.read("run/records.jsonl");
    let answers: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[0]["answer"], "Aspen Vale", "{records}");
    assert_eq!(answers[1]["answer"], "walnut", "{records}");
    assert!(answers[0]["reranking_scores"].is_array(), "{records}");
}

#[test]
fn what_is_not_granted_is_refused_with_the_line_that_grants_it() {
    let tiny = with_cards("[retriever]\nplugin = \"letters\"\n");
    let ended = tiny.run(&["corpus", "chunks", "cards.toml"]);
    assert_eq!(ended.code, Some(1));
    let line = format!(
        "put `read = [\"{}\"]` into [plugins.cards.permissions]",
        tiny.path("some.cards").canonicalize().unwrap().display()
    );
    assert!(ended.err.contains(&line), "{}", ended.err);
}

#[test]
fn an_index_of_another_plugins_file_is_refused() {
    let tiny = with_cards(LETTERS);
    tiny.done(&["index", "build", "cards.toml"]);
    let mut bytes = std::fs::read(fixture("letters.wasm")).unwrap();
    bytes.extend_from_slice(b"\0\x05\x01xabc");
    tiny.write("letters.wasm", &bytes);
    let refusal = tiny.failed(&["index", "search", "cards.toml", "--query", "hazel"], 1);
    assert!(refusal.contains("plugins.letters.sha256"), "{refusal}");
}

#[test]
fn a_retriever_from_a_file_asks_others_of_the_configuration() {
    let hybrid = "[plugins.cards.permissions]\nread = [\"some.cards\"]\n[plugins.fusion]\npath = \"fusion.wasm\"\n\
        [plugins.fusion.permissions]\ncomponents = [\"lexical\", \"spelling\"]\n\
        [components.lexical]\nkind = \"retriever\"\nplugin = \"bm25\"\n\
        [components.spelling]\nkind = \"retriever\"\nplugin = \"letters\"\nsize = 2\n\
        [retriever]\nplugin = \"fusion\"\n";
    let tiny = with_cards(hybrid);
    tiny.write("fusion.wasm", std::fs::read(fixture("fusion.wasm")).unwrap());
    tiny.done(&["index", "build", "cards.toml"]);
    let found = tiny.done(&["index", "search", "cards.toml", "--query", "brich home"]);
    // One word each retriever alone finds: both documents come back.
    assert!(found.contains("birch-loom") && found.contains("hazel-brenow"), "{found}");

    let wrong = tiny.failed(&["config", "check", "cards.toml", "--set", "components.spelling.sise=2"], 1);
    assert!(wrong.contains("components.spelling.sise: unknown key; did you mean `size`?"), "{wrong}");
    let circle = tiny.failed(&["config", "check", "cards.toml", "--set", "components.lexical.plugin=fusion"], 1);
    assert!(circle.contains("plugins call each other in a circle: fusion -> fusion"), "{circle}");
}

/// The tiny model, whose compressor breaks when its key says so.
fn with_faulty() -> Tiny {
    let tiny = Tiny::new();
    tiny.write("faulty.wasm", std::fs::read(fixture("faulty.wasm")).unwrap());
    let text = tiny.read("base.toml").replace("plugin = \"n-layers\"\nlayers = 1", "plugin = \"faulty\"");
    tiny.write("base.toml", text + "[plugins.faulty]\npath = \"faulty.wasm\"\n");
    tiny
}

#[test]
fn a_trap_in_a_training_step_ends_it_in_one_sentence_and_a_resume_goes_on() {
    let tiny = with_faulty();
    let whole = tiny.train("whole", &ENDLESS);
    assert!(whole.len() == 8 && whole[0].loss != whole[7].loss, "{whole:?}");

    // The sixth call traps, after a checkpoint of the fourth step.
    let trapping = with(&ENDLESS, &["compressor.trap_at=6"]);
    let refusal = tiny.failed(&train("parts", &trapping), 1);
    assert!(refusal.contains("faulty") && refusal.contains("it gave up (WebAssembly `unreachable`)"), "{refusal}");
    assert_eq!(tiny.curve("parts"), whole[..5]);
    assert_eq!(tiny.checkpoints("parts").last(), Some(&4));
    // A new process is a new instance: its sixth call is beyond the end.
    tiny.done(&train("parts", &with(&trapping, &["--resume"])));
    assert_eq!(tiny.curve("parts"), whole);
    assert_eq!(weights(&tiny, "parts"), weights(&tiny, "whole"));
}

#[test]
fn numbers_that_are_none_end_a_training_and_an_answer() {
    let tiny = with_faulty();
    let refusal = tiny.failed(&train("run", &with(&ENDLESS, &["compressor.nan_at=5"])), 1);
    assert!(refusal.contains("step 5: the loss is NaN"), "{refusal}");
    // What was saved before is of use.
    assert_eq!(tiny.checkpoints("run").last(), Some(&4));

    let silent = with(&ENDLESS, &["compressor.inference=1"]);
    tiny.train("silent", &silent);
    tiny.write("documents.txt", "The home of Hazel is Aspen Vale.\n");
    let mut answer = vec!["answer", "tiny.toml", "--query", "Where?", "--documents", "documents.txt"];
    for setting in with(&silent, &["output.directory=silent"]) {
        answer.extend(["--set", setting]);
    }
    let refusal = tiny.failed(&answer, 1);
    assert!(refusal.contains("faulty") && refusal.contains("that are not finite numbers"), "{refusal}");
}

#[test]
fn a_file_that_is_not_the_locked_one_is_refused() {
    let tiny = with_compressor();
    let home = tiny.path("home");
    let run = |arguments: &[&str]| {
        let mut command = tiny.command(arguments);
        command.env("XDG_DATA_HOME", home.join("data"));
        finish(start(&mut command))
    };
    let installed = run(&["plugin", "install", "pool.wasm"]);
    assert_eq!(installed.code, Some(0), "{}", installed.err);
    tiny.write("base.toml", tiny.read("base.toml").replace("path = \"pool.wasm\"", "source = \"pool.wasm\""));
    let check = || run(&["config", "check", "tiny.toml"]);
    assert_eq!(check().code, Some(0), "{}", check().err);

    // Another file in the place of the installed one.
    let directory = home.join("data/scaledown/plugins");
    let file = std::fs::read_dir(&directory).unwrap().next().unwrap().unwrap().path();
    let good = std::fs::read(&file).unwrap();
    let mut other = good.clone();
    other.extend_from_slice(b"\0\x05\x01xabc");
    std::fs::write(&file, &other).unwrap();
    let refusal = one_error(&check().err);
    let digest = file.file_stem().unwrap().to_str().unwrap();
    assert!(refusal.contains("plugins.pool.source") && refusal.contains(&format!("expected {digest}")), "{refusal}");
    std::fs::write(&file, &good).unwrap();

    // A lock file of another digest, and one that leads out of the directory.
    let lock = tiny.read("plugins.lock");
    tiny.write("plugins.lock", lock.replace(digest, &"0".repeat(64)));
    let refusal = one_error(&check().err);
    assert!(refusal.contains("not on this machine; `scaledown plugin install"), "{refusal}");
    tiny.write("plugins.lock", lock.replace(digest, "../../../pool"));
    let refusal = one_error(&check().err);
    assert!(refusal.contains("is not a SHA-256 digest"), "{refusal}");
    // Another file under the same source is not installed unasked.
    tiny.write("plugins.lock", &lock);
    tiny.write("pool.wasm", &other);
    let refusal = one_error(&run(&["plugin", "install", "pool.wasm"]).err);
    assert!(refusal.contains("`--update` accepts the new file"), "{refusal}");
}
