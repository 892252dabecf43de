//! A tiny model and its data in a directory of their own, and trainings of it that end within a
//! timeout.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::scaledown;

/// How long a run may take; the longest takes a few seconds.
const TIMEOUT: Duration = Duration::from_secs(120);

const ATLAS: &str = "people = 60\nplaces = 60\nthings = 60\ntrain_records = 24\nvalidation_records = 1\ntest_records = 4\n\
    documents_per_record = 2\nmin_document_tokens = 16\n[[pretraining]]\ndocuments = 2\nfacts = 2\nquestions = 3\ncontexts = 24\n";

const MODEL: &str = r#"{"model_type": "qwen2", "vocab_size": 1133, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 512, "rms_norm_eps": 1e-06,
    "rope_theta": 1000.0, "use_sliding_window": false, "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}"#;

const BASE: &str = r#"
[generator]
plugin = "mistral"
model = "./generator"
init = "random"
[compressor]
plugin = "n-layers"
layers = 1
[compression]
memory_tokens = 2
document_tokens = 24
query_tokens = 12
[prompt]
system = ""
user = "<s><doc>{{ documents }}<q>{{ query }}<a>"
separator = "<doc>"
chat_template = false
[data]
train = "train.jsonl"
test = "atlas/test.jsonl"
[training]
batch_size = 4
micro_batch = 4
lr_generator = 1e-2
lr_compressor = 1e-2
warmup_ratio = 0.0
epochs = 1000000
max_steps = 8
dtype = "f32"
[evaluation]
documents = 2
max_new_tokens = 4
repetitions = 1
[output]
directory = "run"
"#;

/// A compressor's training has an adapter; a language model's has none.
const CONFIG: &str = "extends = \"base.toml\"\n[generator.lora]\nr = 2\nalpha = 4\ndropout = 0.0\n";

/// A directory with a configuration, `tiny.toml`, and what it names: training records and a
/// generator's description.
pub(crate) struct Tiny(tempfile::TempDir);

/// How a run ended.
pub(crate) struct Ended {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Tiny {
    pub(crate) fn new() -> Self {
        let tiny = Tiny(tempfile::tempdir().unwrap());
        tiny.write("atlas.toml", ATLAS);
        tiny.done(&["dataset", "atlas", "--out", "atlas", "--settings", "atlas.toml"]);
        let answered = |line: &str| {
            let mut record: Value = serde_json::from_str(line).unwrap();
            record["answer"] = record["gold_answers"][0].clone();
            format!("{record}\n")
        };
        tiny.write("train.jsonl", tiny.read("atlas/train.jsonl").lines().map(answered).collect::<String>());
        tiny.write("generator/config.json", MODEL);
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            tiny.write(&format!("generator/{name}"), tiny.read(&format!("atlas/{name}")));
        }
        tiny.write("base.toml", BASE);
        tiny.write("tiny.toml", CONFIG);
        tiny
    }

    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), content).unwrap();
    }

    /// The binary with `arguments`, in the directory.
    pub(crate) fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = scaledown();
        command.current_dir(self.0.path()).args(arguments);
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[impl AsRef<OsStr> + Debug]) -> Ended {
        finish(start(&mut self.command(arguments)))
    }

    /// Runs the binary, which must succeed. Returns its standard output.
    pub(crate) fn done(&self, arguments: &[impl AsRef<OsStr> + Debug]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.err);
        ended.out
    }

    /// Runs the binary, which must fail with `code` and a one-line error. Returns that line.
    pub(crate) fn failed(&self, arguments: &[impl AsRef<OsStr> + Debug], code: i32) -> String {
        let ended = self.run(arguments);
        assert_eq!((ended.code, ended.out.as_str()), (Some(code), ""), "{arguments:?}: {}", ended.err);
        one_error(&ended.err)
    }

    /// Trains with settings over `tiny.toml`, such as `training.seed=1`, and returns the curve.
    pub(crate) fn train(&self, directory: &str, settings: &[&str]) -> Vec<Point> {
        self.done(&train(directory, settings));
        self.curve(directory)
    }

    /// The log of each step.
    pub(crate) fn curve(&self, directory: &str) -> Vec<Point> {
        let lines = std::fs::read_to_string(self.path(directory).join("metrics.jsonl")).unwrap_or_default();
        let point = |line: &str| {
            // By hand, since the JSON parser may round the last bit off.
            let value = |name: &str| line.split(&format!("\"{name}\":")).nth(1).unwrap().split([',', '}']).next().unwrap();
            let number = |name: &str| value(name).parse().unwrap();
            Point { step: value("step").parse().unwrap(), loss: number("loss"), gradient_norm: number("gradient_norm") }
        };
        // A run that is active or was killed may have an incomplete last line.
        lines.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(point).collect()
    }

    /// The numbers of the checkpoints in a run's directory.
    pub(crate) fn checkpoints(&self, directory: &str) -> Vec<u64> {
        let Ok(entries) = std::fs::read_dir(self.path(directory).join("checkpoints")) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut steps: Vec<u64> = names.filter_map(|name| name.strip_prefix("step-")?.parse().ok()).collect();
        steps.sort_unstable();
        steps
    }

    /// The files below a directory, with their content.
    pub(crate) fn files(&self, directory: &str) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(self.path(directory)).unwrap() {
            let name = format!("{directory}/{}", entry.unwrap().file_name().to_str().unwrap());
            if self.path(&name).is_dir() {
                files.extend(self.files(&name));
            } else {
                files.push((name.clone(), std::fs::read(self.path(&name)).unwrap()));
            }
        }
        files.sort();
        files
    }
}

/// The log of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) step: u64,
    pub(crate) loss: f64,
    pub(crate) gradient_norm: f64,
}

/// A training whose steps do not depend on how many there are in all.
pub(crate) const ENDLESS: [&str; 2] = ["training.schedule=constant", "training.checkpoint_every=2"];

pub(crate) fn with<'a>(settings: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [settings, more].concat()
}

/// A training of `tiny.toml` with settings, such as `training.seed=1`, and options, which begin
/// with `--`.
pub(crate) fn train(directory: &str, settings: &[&str]) -> Vec<String> {
    let mut arguments = vec!["train".to_owned(), "tiny.toml".into(), "--set".into(), format!("output.directory={directory}")];
    for setting in settings {
        arguments.extend((!setting.starts_with("--")).then(|| "--set".to_owned()));
        arguments.push((*setting).to_owned());
    }
    arguments
}

/// The only line of `err`, which must be an error.
pub(crate) fn one_error(err: &str) -> String {
    let line = err.trim_end().strip_prefix("error: ").unwrap_or_else(|| panic!("this is no error: {err}"));
    assert_eq!(line.lines().count(), 1, "{err}");
    line.to_owned()
}

/// Starts a command whose output is kept.
pub(crate) fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for the end of a process. One that does not come to its end is killed, and fails the test.
pub(crate) fn finish(mut child: Child) -> Ended {
    // A process that writes much blocks until its output is read.
    fn read(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
        std::thread::spawn(move || {
            let mut text = String::new();
            pipe.unwrap().read_to_string(&mut text).unwrap();
            text
        })
    }
    let (out, err) = (read(child.stdout.take()), read(child.stderr.take()));
    let ended = poll(|| child.try_wait().unwrap().is_some());
    if !ended {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let (out, err) = (out.join().unwrap(), err.join().unwrap());
    assert!(ended, "not done after {TIMEOUT:?}; it said: {out}{err}");
    assert!(!err.contains("panicked"), "{err}");
    Ended { code: status.code(), out, err }
}

/// Waits until something happens; false after the timeout.
pub(crate) fn poll(mut happened: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while !happened() {
        if began.elapsed() > TIMEOUT {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}
