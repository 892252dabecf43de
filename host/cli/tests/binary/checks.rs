//! `config check` reports what cannot run before it runs.

use serde_json::{Value, json};

use crate::tiny::Tiny;

/// The output of `config check` for `tiny.toml` with an override.
fn reported_for(tiny: &Tiny, setting: &str) -> String {
    tiny.failed(&["config", "check", "tiny.toml", "--set", setting], 1)
}

#[test]
fn a_configuration_that_can_run_is_ok() {
    let tiny = Tiny::new();
    let ended = tiny.run(&["config", "check", "tiny.toml", "--strict"]);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), "tiny.toml: ok\n", ""));
}

#[test]
fn values_and_templates_that_cannot_run_are_refused() {
    let tiny = Tiny::new();
    for (setting, message) in [
        ("prompt.user=hello", "prompt.user: the prompt's text must contain {{ query }} exactly once"),
        ("prompt.user={{ query }}", "prompt.user: the prompt's text must contain {{ documents }} exactly once"),
        ("prompt.user={{ documents ", "prompt.user: the prompt cannot be rendered: syntax error: "),
        ("device.threads=0", "device.threads: found 0, expected an integer of at least 1"),
        ("generator.lora.dropout=1.0", "generator.lora.dropout: found 1.0, expected a number of at least 0.0 and below 1.0"),
        ("device.threads=1.0", "device.threads: found 1.0, expected an integer of at least 1"),
        ("compressor.layers=1.0", "compressor.layers: found 1.0, expected an integer of at least 1"),
        ("evaluation.max_new_tokens=4.0", "evaluation.max_new_tokens: found 4.0, expected an integer of at least 1"),
        ("output.directory=", "output.directory: found the string \"\", expected a non-empty string"),
        ("data.train=", "data.train: found the string \"\", expected a non-empty string"),
        ("training.beta1=1.0", "training.beta1: found 1.0, expected a number of at least 0.0 and below 1.0"),
        ("training.beta2=1", "training.beta2: found 1, expected a number of at least 0.0 and below 1.0"),
        ("training.lr_generator=nan", "training.lr_generator: found nan, expected a finite number"),
        ("training.max_grad_norm=inf", "training.max_grad_norm: found inf, expected a finite number"),
        (
            "device.plugin=cudx",
            "device.plugin: found the string \"cudx\", expected one of the built-in device plugins: \"auto\", \"cpu\"",
        ),
    ] {
        let error = reported_for(&tiny, setting);
        assert!(error.starts_with(&format!("--set {setting}: {message}").replace("  ", " ")), "{setting}: {error}");
    }
}

#[test]
fn local_models_must_be_models_with_as_many_layers() {
    let tiny = Tiny::new();
    let error = reported_for(&tiny, "compressor.layers=99");
    let generator = tiny.path("generator").display().to_string();
    assert!(
        error.ends_with(&format!("compressor.layers: found 99, expected at most 2, the number of layers of {generator}")),
        "{error}"
    );
    tiny.write("empty/README.md", "nothing");
    for (setting, message) in [
        ("generator.model=./empty", "is not a model: it has no config.json"),
        ("generator.model=./tiny.toml", "is a file, expected a directory"),
        ("generator.model=a/b/c", "found \"a/b/c\", expected a directory that exists, or a hub id such as \"owner/name\""),
        ("generator.init=pretrained", "is not a model: it has no weights (*.safetensors); `init = \"random\"` needs none"),
        ("data.train=atlas", "is a directory, expected a file"),
        ("training.init_from=train.jsonl", "is a file, expected a directory"),
    ] {
        let error = reported_for(&tiny, setting);
        assert!(error.ends_with(message), "{setting}: {error}");
    }
    // The layers of a hub's model are not known here, and it is not asked for them.
    let hub = ["--set", "generator.model=owner/name", "--set", "compressor.layers=99", "--set", "generator.init=pretrained"];
    assert_eq!(tiny.done(&[&["config", "check", "tiny.toml"][..], &hub].concat()), "tiny.toml: ok\n");
}

#[test]
fn the_adapters_layers_must_be_the_models() {
    let tiny = Tiny::new();
    let layers = "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj";
    for (target, wrong) in [
        (r#"["q_proj", "qproj"]"#, "target \"qproj\" is not a linear layer of the model"),
        (r#"["layers.2.self_attn.q_proj"]"#, "target \"layers.2.self_attn.q_proj\" is not a linear layer of the model"),
        ("[]", "no target"),
    ] {
        let setting = format!("generator.lora.target={target}");
        let reported = format!("cannot create the adapter (lora): {wrong}; the model's linear layers are {layers}");
        assert_eq!(reported_for(&tiny, &setting), format!("--set {setting}: generator.lora.target: {reported}"));
        // A training says the same.
        assert!(tiny.failed(&["train", "tiny.toml", "--set", &setting], 1).ends_with(&reported));
    }
    for target in [r#"["q_proj", "layers.1.mlp.up_proj"]"#, r#"["lm_head", "v_proj"]"#, "\"all-linear\""] {
        let tied = tiny.read("generator/config.json").replace("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
        tiny.write("generator/config.json", tied);
        let setting = format!("generator.lora.target={target}");
        assert_eq!(tiny.done(&["config", "check", "tiny.toml", "--set", &setting]), "tiny.toml: ok\n", "{target}");
    }
    // A model with many layers takes no time to check. A model that cannot be built is not this
    // key's fault.
    let large = tiny.read("generator/config.json").replace("\"hidden_size\": 16", "\"hidden_size\": 8192");
    let large = large.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 80");
    tiny.write("generator/config.json", &large);
    assert!(reported_for(&tiny, "generator.lora.target=[\"qproj\"]").ends_with(layers));
    for (from, to) in [("\"num_hidden_layers\": 80", "\"num_hidden_layers\": 1000000"), ("qwen2", "another")] {
        tiny.write("generator/config.json", large.replace(from, to));
        tiny.done(&["config", "check", "tiny.toml", "--set", "generator.lora.target=[\"qproj\"]"]);
    }
}

#[test]
fn a_file_where_a_directory_is_to_be_written_is_reported_by_every_command() {
    let tiny = Tiny::new();
    tiny.write("taken", "a file");
    tiny.write("taken.toml", "extends = \"tiny.toml\"\n[output]\ndirectory = \"taken\"\n");
    let (config, taken) = (tiny.path("taken.toml"), tiny.path("taken"));
    let (config, taken) = (config.display(), taken.display());
    let there = format!("{config}:3: output.directory: {taken} is a file, expected a directory to write into");
    let within = format!("output.directory: {taken} is a file, expected a parent directory to write into");
    for command in [&["config", "check"][..], &["train"], &["pretrain"], &["quickstart"], &["evaluate"], &["prepare"]] {
        let error = tiny.failed(&[command, &[&*config.to_string()]].concat(), 1);
        assert_eq!(error, there, "{command:?}");
        let error = tiny.failed(&[command, &["tiny.toml", "--set", "output.directory=taken/run"]].concat(), 1);
        assert_eq!(error, format!("--set output.directory=taken/run: {within}"), "{command:?}");
    }
    let error = reported_for(&tiny, "index.directory=taken");
    assert!(error.ends_with(&format!("index.directory: {taken} is a file, expected a directory to write into")), "{error}");
    assert_eq!(tiny.read("taken"), "a file");
}

#[test]
fn what_an_earlier_command_may_make_is_a_warning_unless_strict() {
    let tiny = Tiny::new();
    for (key, name) in
        [("data.train", "later.jsonl"), ("training.init_from", "first/model"), ("generator.model", "./first/model")]
    {
        let setting = format!("{key}={name}");
        let check = ["config", "check", "tiny.toml", "--set", &setting];
        let ended = tiny.run(&check);
        let place = tiny.path(name.trim_start_matches("./"));
        let sentence = format!("{key}: {} does not exist; create it before running this configuration", place.display());
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), "tiny.toml: ok\n"));
        assert_eq!(ended.err, format!("warning: --set {setting}: {sentence}\n"));
        let error = tiny.failed(&[&check[..], &["--strict"]].concat(), 1);
        assert_eq!(error, format!("--set {setting}: {sentence}"));
        let outcome: Value = serde_json::from_str(&tiny.done(&[&check[..], &["--json"]].concat())).unwrap();
        assert_eq!((&outcome[0]["valid"], &outcome[0]["problems"]), (&true.into(), &json!([])));
        assert_eq!(outcome[0]["warnings"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_secret_on_the_command_line_is_repeated_nowhere() {
    let tiny = Tiny::new();
    for setting in [
        "teacher.endpoint=http://user:hunter2@host/v1",
        "retriever.url=http://hunter2@host",
        "techer.endpoint=http://user:hunter2@host",
        "teacher.api_kye=hunter2",
        "teacher.extra={ authorization = \"Bearer hunter2\" }",
        "output.access_token=hunter2",
        "http://user:hunter2@host",
        "hunter2",
    ] {
        let more = ["--set", "teacher.plugin=openai", "--set", "retriever.plugin=qdrant"];
        let mut command = tiny.command(&[&["config", "check", "tiny.toml", "--set", setting][..], &more].concat());
        let output = command.env("RUST_LOG", "trace").output().unwrap();
        let reported = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && !reported.contains("hunter2"), "{setting}: {reported}");
    }
}

#[test]
fn thousands_of_problems_take_a_moment() {
    let tiny = Tiny::new();
    let unknown: String = (0..4000).map(|number| format!("unknown_{number} = 1\n")).collect();
    tiny.write("many.toml", format!("extends = \"tiny.toml\"\n[training]\n{unknown}"));
    let start = std::time::Instant::now();
    let ended = tiny.run(&["config", "check", "many.toml"]);
    assert_eq!((ended.code, ended.err.lines().count()), (Some(1), 4000));
    assert!(ended.err.contains("many.toml:4002: training.unknown_3999: unknown key"));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_configurations() {
    let tiny = Tiny::new();
    tiny.write("zero.toml", "extends = \"/dev/zero\"\n");
    let reported = tiny.failed(&["config", "check", "zero.toml"], 1);
    assert!(
        reported.contains("zero.toml:1: extends: cannot read /dev/zero") && reported.contains("not a regular file"),
        "{reported}"
    );
    let reported = reported_for(&tiny, "output.directory=/");
    assert!(reported.contains("output.directory: / is a system or home directory"), "{reported}");
    tiny.write("theirs/photo.png", "x");
    let reported = reported_for(&tiny, "output.directory=theirs");
    assert!(reported.contains("theirs holds files that are not a run's"), "{reported}");
}

#[test]
fn a_setting_without_a_key_is_wrong_usage() {
    let tiny = Tiny::new();
    for setting in ["training.seed", "=1", "training.=1", ".seed=1", " =1"] {
        let error = tiny.failed(&["config", "check", "tiny.toml", "--set", setting], 2);
        assert_eq!(error, format!("--set {setting}: expected KEY=VALUE, as in `--set training.seed=1`"));
    }
}

#[test]
fn a_question_and_its_answers_must_be_there() {
    let tiny = Tiny::new();
    tiny.write("documents.txt", "One.\n");
    for query in ["", " "] {
        let error = tiny.failed(&["answer", "tiny.toml", "--documents", "documents.txt", "--query", query], 2);
        assert_eq!(error, "--query is empty; expected a question");
    }
    tiny.train("run", &["training.max_steps=1"]);
    let good = r#"{"query": "q", "documents": ["d"], "answer": "a"}"#;
    tiny.write("test.jsonl", format!("{good}\n{{\"query\": \"q\", \"documents\": [\"d\"]}}\n"));
    let error = tiny.failed(&["evaluate", "tiny.toml", "--set", "data.test=test.jsonl"], 1);
    let message = "`gold_answers`: missing, and so is `answer`; evaluation needs one of them";
    assert_eq!(error, format!("{}:2: {message}", tiny.path("test.jsonl").display()));
}
