//! Failures of trainings: kills, Ctrl-C, non-finite numbers, damaged files and invalid records.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use crate::tiny::{ENDLESS, Ended, Tiny, finish, poll, start, train, with};

/// Every kind of state that resuming must restore: more than one epoch, micro-batches,
/// dropout, a schedule.
const STATE: [&str; 5] = [
    "training.micro_batch=2",
    "generator.lora.dropout=0.3",
    "training.warmup_ratio=0.2",
    "training.max_steps=20",
    "training.checkpoint_every=2",
];

/// Whether anything is left of a write that did not come to its end.
fn leftovers(tiny: &Tiny, directory: &str) -> Vec<String> {
    tiny.files(directory)
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.contains(".writing-") || name.contains(".partial"))
        .collect()
}

#[cfg(unix)]
#[test]
fn a_training_that_is_killed_at_any_moment_goes_on_as_if_nothing_happened() {
    let tiny = Tiny::new();
    let undisturbed = tiny.train("run", &STATE);
    std::fs::rename(tiny.path("run"), tiny.path("undisturbed")).unwrap();

    let mut kills = 0;
    loop {
        let saved = tiny.checkpoints("run");
        let resume: &[&str] = if saved.is_empty() { &[] } else { &["--resume"] };
        let logged = tiny.curve("run").len();
        let mut child = start(&mut tiny.command(&train("run", &with(&STATE, resume))));
        // After some progress, so that there is an end to it, and then at any moment of a step or
        // of a checkpoint.
        let moved = poll(|| {
            let moved = if kills == 0 { tiny.curve("run").len() > logged } else { tiny.checkpoints("run").last() > saved.last() };
            moved || child.try_wait().unwrap().is_some()
        });
        assert!(moved, "the training stands still");
        std::thread::sleep(Duration::from_micros(1700 * kills % 11_000));
        child.kill().unwrap();
        let ended = finish(child);
        if ended.code == Some(0) {
            break;
        }
        assert_eq!((ended.code, ended.err.as_str()), (None, ""), "it was not the kill that ended it");
        kills += 1;
        // The leftovers of a kill during a write.
        tiny.write("run/.writing-file", "half");
        tiny.write("run/checkpoints/.writing-directory/optimizer.safetensors.partial", "half");
    }
    assert!(kills > 2, "only {kills} kills");
    assert_eq!(tiny.curve("run"), undisturbed, "after {kills} kills");
    assert!(tiny.files("run/model") == renamed(tiny.files("undisturbed/model")), "the model differs after {kills} kills");
    assert!(tiny.files("run/checkpoints") == renamed(tiny.files("undisturbed/checkpoints")), "the last states differ");
    assert!(leftovers(&tiny, "run").is_empty(), "{:?}", leftovers(&tiny, "run"));
}

fn renamed(files: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    files.into_iter().map(|(name, content)| (name.replacen("undisturbed", "run", 1), content)).collect()
}

#[cfg(unix)]
pub(crate) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn an_interrupted_training_saves_its_step_and_says_how_to_go_on() {
    let tiny = Tiny::new();
    for name in ["INT", "TERM"] {
        let child = start(&mut tiny.command(&train(name, &with(&ENDLESS, &["training.max_steps=1000000"]))));
        assert!(poll(|| tiny.curve(name).len() > 2), "the training stands still");
        signal(&child, name);
        let Ended { code, out, err } = finish(child);
        let step = tiny.curve(name).len() as u64;
        let expected = format!(
            "stopping after this step; press Ctrl-C again to stop now and lose it\nerror: interrupted; saved step {step}; continue with --resume\n"
        );
        assert_eq!((code, out.as_str(), err.as_str()), (Some(130), "", expected.as_str()));
        assert_eq!(tiny.checkpoints(name).last(), Some(&step));
        assert!(!tiny.path(name).join("model").exists(), "an unfinished model was written");

        let steps = format!("training.max_steps={}", step + 3);
        let resumed = tiny.train(name, &with(&ENDLESS, &[&steps, "--resume"]));
        assert_eq!(resumed, tiny.train(&format!("{name}-whole"), &with(&ENDLESS, &[&steps])));
    }
}

#[test]
fn only_what_is_there_is_resumed_and_nothing_is_overwritten() {
    let tiny = Tiny::new();
    // A run that is resumed before it began begins, so that one command line can be given again and
    // again.
    tiny.train("run", &with(&ENDLESS, &["--resume"]));
    let before = tiny.files("run");
    let error = tiny.failed(&train("run", &ENDLESS), 2);
    let reported = "contains an earlier training; continue it with --resume, or choose another output directory";
    assert_eq!(error, format!("{} {reported}", tiny.path("run").display()));
    assert!(tiny.files("run") == before, "the earlier run was changed");
    // So is a checkpoint of other settings, by the key of what has changed.
    for (setting, reported) in [
        ("generator.lora.r=3", "generator.lora.r was 2 and is 3"),
        ("training.seed=7", "training.seed was 42 and is 7"),
        ("training.batch_size=8", "training.batch_size was 4 and is 8"),
        ("training.schedule=cosine", "training.schedule was \"constant\" and is \"cosine\""),
        ("data.train=atlas-answered.jsonl", "the training records changed"),
    ] {
        tiny.write(
            "atlas-answered.jsonl",
            tiny.read("train.jsonl").lines().skip(1).map(|line| format!("{line}\n")).collect::<String>(),
        );
        let error = tiny.failed(&train("run", &with(&ENDLESS, &["--resume", setting])), 1);
        let place = tiny.path("run/checkpoints/step-00000008");
        let hint = "restore the earlier setting, or train in another output directory";
        assert_eq!(error, format!("cannot resume from checkpoint {}: {reported}; {hint}", place.display()));
        assert!(tiny.files("run") == before, "the earlier run was changed by {setting}");
    }
    // The same records elsewhere are the same, and the steps may follow each other where none
    // depends on how many there are.
    tiny.write("moved.jsonl", tiny.read("train.jsonl"));
    tiny.done(&train("run", &with(&ENDLESS, &["--resume", "data.train=moved.jsonl", "training.max_steps=9"])));
    tiny.train("linear", &["training.max_steps=4"]);
    let error = tiny.failed(&train("linear", &["training.max_steps=6", "--resume"]), 1);
    assert!(error.contains("training.max_steps was 4 and is 6"), "{error}");
}

#[test]
fn what_cannot_begin_is_reported_before_anything_is_read() {
    let tiny = Tiny::new();
    tiny.train("run", &["training.max_steps=1"]);
    // The data cannot be read here; that error must not come first.
    let data = "data.train=missing.jsonl";
    let error = tiny.failed(&train("run", &[data]), 2);
    assert!(error.contains("contains an earlier training"), "{error}");
    let error = tiny.failed(&train("none", &[data, "training.validate_every=1"]), 2);
    assert_eq!(error, "training.validate_every needs validation records: set `validation` in [data]");
    let error = tiny.failed(&train("none", &["training.init_from=run/checkpoints/step-00000001", data]), 1);
    let place = tiny.path("run/checkpoints/step-00000001");
    assert!(error.starts_with(&format!("{}: this is a training checkpoint", place.display())), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_can_be_resumed() {
    let tiny = Tiny::new();
    let whole = tiny.train("run", &ENDLESS);
    assert_eq!(tiny.checkpoints("run"), [6, 8]);
    let newest = "run/checkpoints/step-00000008";
    type Damage = fn(&Path);
    let damages: [(&str, &str, Damage); 5] = [
        ("compressor.safetensors", "No such file", |file| std::fs::remove_file(file).unwrap()),
        ("optimizer.safetensors", "is damaged: expected ", |file| shorten(file)),
        ("generator.safetensors", "is damaged: checksum differs", |file| flip(file)),
        ("trainer.json", "is damaged: checksum differs", |file| flip(file)),
        ("manifest.json", "is damaged: ", |file| shorten(file)),
    ];
    for (name, message, damage) in damages {
        let file = tiny.path(newest).join(name);
        let content = std::fs::read(&file).unwrap();
        damage(&file);
        let error = tiny.failed(&train("run", &with(&ENDLESS, &["--resume"])), 1);
        let hint = format!("(remove {} to resume from the checkpoint before it, or to start over)", tiny.path(newest).display());
        assert!(error.contains(file.to_str().unwrap()) && error.contains(message) && error.ends_with(&hint), "{error}");
        std::fs::write(&file, content).unwrap();
    }
    std::fs::remove_dir_all(tiny.path(newest)).unwrap();
    assert_eq!(tiny.train("run", &with(&ENDLESS, &["--resume"])), whole);
}

fn shorten(file: &Path) {
    let content = std::fs::read(file).unwrap();
    std::fs::write(file, &content[..content.len() / 2]).unwrap();
}

fn flip(file: &Path) {
    let mut content = std::fs::read(file).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(file, content).unwrap();
}

/// Makes the first element of an f32 tensor in a safetensors file a NaN.
fn poison(file: &Path, tensor: &str) {
    let mut content = std::fs::read(file).unwrap();
    let data = 8 + u64::from_le_bytes(content[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&content[8..data]).unwrap();
    let at = data + header[tensor]["data_offsets"][0].as_u64().unwrap() as usize;
    content[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(file, content).unwrap();
}

#[test]
fn a_loss_that_is_no_number_is_traced_to_its_tensor() {
    let tiny = Tiny::new();
    let pretrain = ["pretrain", "base.toml", "--set", "training.max_steps=1", "--set", "output.directory=pretrained"];
    tiny.write("text.txt", "Aspen Vale grows peas.");
    tiny.done(&[&pretrain[..], &["--set", "pretraining.text=text.txt"]].concat());
    let settings = with(&ENDLESS, &["generator.model=./pretrained/model", "generator.init=pretrained"]);
    let (half, whole) = (with(&settings, &["training.max_steps=4"]), with(&settings, &["training.max_steps=6", "--resume"]));
    tiny.train("run", &half);
    let saved = tiny.files("run/checkpoints");

    let weights = tiny.path("pretrained/model/model.safetensors");
    let sound = std::fs::read(&weights).unwrap();
    let tensor = "model.layers.1.mlp.up_proj.weight";
    poison(&weights, tensor);
    let error = tiny.failed(&train("poisoned", &half), 1);
    let reported = format!("step 1: the loss is NaN; the first non-finite value is in {tensor} of the generator");
    assert!(error.starts_with(&reported), "{error}");
    // A training cannot resume with other generator weights.
    let error = tiny.failed(&train("run", &whole), 1);
    assert!(error.contains("the generator's weights changed"), "{error}");
    assert!(tiny.files("run/checkpoints") == saved, "the checkpoints were changed");

    std::fs::write(&weights, sound).unwrap();
    assert_eq!(tiny.train("run", &whole).len(), 6);
}

#[test]
fn a_loss_that_overflows_is_traced_to_the_module_that_made_it() {
    let tiny = Tiny::new();
    for (settings, module) in [
        (["generator.lora.dropout=0.3", "training.lr_generator=1e30"], " in generator.model.layers."),
        (["training.gradient_checkpointing=true", "training.lr_compressor=1e30"], " in compressor.model.layers."),
    ] {
        let error = tiny.failed(&train(settings[1], &with(&ENDLESS, &settings)), 1);
        let reported = ": the loss is NaN; the first non-finite value is in the result of ";
        assert!(error.starts_with("step ") && error.contains(reported) && error.contains(module), "{error}");
    }
}

#[test]
fn a_model_that_a_step_has_destroyed_is_not_saved() {
    let tiny = Tiny::new();
    tiny.train("run", &with(&ENDLESS, &["training.max_steps=4"]));
    let saved = tiny.files("run/checkpoints");
    let resume = with(&ENDLESS, &["training.checkpoint_every=1", "--resume"]);
    let ended = tiny.run(&train("run", &with(&resume, &["training.lr_compressor=1e39"])));
    let (warning, error) = ended.err.split_once('\n').unwrap();
    // The learning rate may change on resume. A note reports it.
    assert_eq!(warning, "warning: after step 4, training.lr_compressor was 0.01 and is 1e+39");
    assert!(error.starts_with("error: step 5: the update made ") && error.contains(" of the compressor not finite"), "{error}");
    assert!(tiny.files("run/checkpoints") == saved, "the checkpoints were changed");
    tiny.train("run", &resume);
}

#[test]
fn a_bad_record_is_reported_by_file_line_and_field() {
    let tiny = Tiny::new();
    let good = r#"{"query": "q", "documents": ["d"], "answer": "a"}"#;
    for (record, message) in [
        (r#"{"query": "q", "documents": ["d"], "#, "not valid JSON at column 34: EOF while parsing a value"),
        (r#"["q"]"#, "expected an object with `query` and `documents`, found a list"),
        (r#"{"documents": ["d"], "answer": "a"}"#, "`query`: missing"),
        (r#"{"query": 7, "documents": ["d"], "answer": "a"}"#, "`query`: expected a string, found the number 7"),
        (r#"{"query": "q", "answer": "a"}"#, "`documents`: missing"),
        (r#"{"query": "q", "documents": "d", "answer": "a"}"#, "`documents`: expected a list, found a string"),
        (r#"{"query": "q", "documents": [], "answer": "a"}"#, "`documents`: empty; expected at least one document"),
        (
            r#"{"query": "q", "documents": ["d", null], "answer": "a"}"#,
            "`documents[1]`: expected a string or an object with a `text`, found null",
        ),
        (r#"{"id": "x", "query": "q", "documents": ["d"]}"#, "`answer`: missing; training needs it as the target"),
        (r#"{"query": "q", "documents": ["d"], "answer": ["a"]}"#, "`answer`: expected a string, found a list"),
    ] {
        tiny.write("bad.jsonl", format!("{good}\n\n{record}\n{good}\n"));
        let error = tiny.failed(&train("run", &["data.train=bad.jsonl"]), 1);
        assert_eq!(error, format!("{}:3: {message}", tiny.path("bad.jsonl").display()), "{record}");
    }
    tiny.write("bad.jsonl", good);
    let error = tiny.failed(&train("run", &["data.train=bad.jsonl", "reranking.enabled=true"]), 1);
    assert!(error.contains("bad.jsonl:1: `reranking_scores`: missing"), "{error}");
    assert!(!tiny.path("run").exists(), "something was written");
    // A pretraining tells its records in the same way, and stages by their files.
    for (name, content, message) in [
        (
            "bad.jsonl",
            format!("{good}\n{{\"documents\": [\"d\"], \"questions\": [{{\"query\": \"q\"}}]}}\n"),
            ":2: `questions[0].answer`: missing",
        ),
        ("bad.jsonl", format!("{good}\n{{\n"), ":2: not valid JSON at column 1: EOF while parsing an object"),
        (
            "bad.jsonl",
            "{\"query\": \"q\", \"documents\": [\"d\"]}".into(),
            ":1: `answer`: missing; pretraining needs answers as targets",
        ),
        ("bad.txt", "\n \n".into(), ": contains no records"),
    ] {
        tiny.write(name, content);
        let stage = format!(
            "[[pretraining.stages]]\ndata = [{{ path = \"train.jsonl\" }}]\nmax_steps = 1\n[[pretraining.stages]]\ndata = [{{ path = \"{name}\" }}]\nmax_steps = 1\n"
        );
        tiny.write("stages.toml", format!("extends = \"base.toml\"\n{stage}"));
        let error = tiny.failed(&["pretrain", "stages.toml"], 1);
        assert_eq!(error, format!("{}{message}", tiny.path(name).display()));
    }
    assert!(!tiny.path("run").exists(), "something was written");
    // Blank texts are poor, and no error.
    tiny.write("blank.jsonl", r#"{"query": "q", "documents": ["", " "], "answer": ""}"#);
    tiny.train("run", &["data.train=blank.jsonl"]);
}

#[test]
fn a_record_that_the_models_cannot_read_is_reported_before_the_first_step() {
    let tiny = Tiny::new();
    let good = r#"{"query": "q", "documents": ["d"], "answer": "a"}"#;
    let long = format!(r#"{{"query": "q", "documents": ["d"], "answer": "{}"}}"#, "It is. ".repeat(300));
    tiny.write("long.jsonl", format!("{good}\n\n{long}\n"));
    let error = tiny.failed(&train("run", &["data.train=long.jsonl"]), 1);
    assert!(error.contains("long.jsonl:3: `answer`: the prompt, the vectors of 1 documents and the answer take "), "{error}");
    assert!(error.contains("the generator's maximum is 512"), "{error}");
    let words = "one two three four five ".repeat(200);
    tiny.write("documents.jsonl", format!(r#"{{"query": "q", "documents": ["d", "{words}"], "answer": "a"}}"#));
    let settings = ["data.train=documents.jsonl", "compression.document_tokens=2000"];
    let error = tiny.failed(&train("run", &settings), 1);
    assert!(error.contains("documents.jsonl:1: `documents`: ") && error.contains("the compressor's maximum is 512"), "{error}");
    // The same of a question that is only answered.
    tiny.write("documents.txt", &words);
    tiny.train("run", &["training.max_steps=1"]);
    let ask = ["answer", "tiny.toml", "--query", "Where?", "--documents", "documents.txt", "--uncompressed", "--set"];
    let error = tiny.failed(&[&ask[..], &["compression.document_tokens=2000"]].concat(), 1);
    assert!(error.contains("\"Where?\"") && error.contains("the generator's maximum is 512"), "{error}");
    // A language model's, which are tokenized as their turn comes.
    tiny.write("contexts.jsonl", format!("{good}\n{long}\n"));
    let error = tiny.failed(&["pretrain", "base.toml", "--set", "data.train=contexts.jsonl", "--set", "output.directory=lm"], 1);
    assert!(error.starts_with("record 2 (\"q\"): documents, questions and answers take"), "{error}");
    // A tokenizer that is another model's.
    let config = tiny.read("generator/config.json");
    tiny.write("generator/config.json", config.replace("\"vocab_size\": 1133", "\"vocab_size\": 300"));
    let error = tiny.failed(&train("other", &[]), 1);
    assert!(
        error.contains("train.jsonl:1: the tokenizer gives token id") && error.contains("the generator's vocabulary has 300"),
        "{error}"
    );
    assert!(!tiny.path("other").join("model").exists(), "something was trained");
}

#[test]
fn a_file_that_holds_no_records_is_reported_by_its_name() {
    let tiny = Tiny::new();
    tiny.write("empty.jsonl", "\n");
    tiny.write("latin1.jsonl", b"{\"query\": \"caf\xe9\", \"documents\": [\"d\"], \"answer\": \"a\"}");
    tiny.write("noise.jsonl", [0_u8, 159, 146, 150, 10, 7].repeat(50));
    for (file, message) in [
        ("missing.jsonl", "cannot read {}: No such file or directory"),
        ("atlas", "cannot read {}: is a directory, expected a file"),
        ("empty.jsonl", "{}: contains no records"),
        ("latin1.jsonl", "{}:1: not valid JSON at column "),
        ("noise.jsonl", "{}:1: not valid JSON at column 1: "),
    ] {
        let error = tiny.failed(&train("run", &[&format!("data.train={file}")]), 1);
        let message = message.replace("{}", tiny.path(file).to_str().unwrap());
        assert!(error.starts_with(&message), "{file}: {error}");
    }
}
