//! The quickstart on a tiny model: from documents to a report, again, and after an interruption.

use std::process::Command;

use serde_json::Value;

use crate::tiny::{Ended, Tiny, finish, poll, start};

const CONFIG: &str = r#"
extends = "tiny.toml"
[generator]
plugin = "mistral"
model = "./speaker"
init = "random"
[data]
train_limit = 12
documents = 2
[training]
schedule = "constant"
[evaluation]
examples = 4
"#;

/// A quickstart in the directory `place`, with more arguments.
fn quickstart<'a>(place: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["quickstart", "quick.toml", "--set", place][..], more].concat()
}

fn tiny() -> Tiny {
    let tiny = Tiny::new();
    tiny.write("quick.toml", CONFIG);
    // With tied embeddings, a random model repeats its last token, which is a special one and no
    // answer.
    let description =
        tiny.read("generator/config.json").replace("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
    tiny.write("speaker/config.json", description);
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        tiny.write(&format!("speaker/{name}"), tiny.read(&format!("generator/{name}")));
    }
    tiny
}

#[test]
fn a_quickstart_writes_its_report_and_is_repeated_only_on_demand() {
    let tiny = tiny();
    let place = "output.directory=run";
    let measured = ["--json", "--set", "training.validate_every=4", "--set", "data.validation_limit=2"];
    let metrics: Value = serde_json::from_str(&tiny.done(&quickstart(place, &measured))).unwrap();
    assert_eq!(metrics, serde_json::from_str::<Value>(&tiny.read("run/metrics.json")).unwrap());
    for reading in ["before", "after", "uncompressed", "without_documents"] {
        for score in ["em", "f1", "match", "rouge_l"] {
            assert!(metrics[reading][score].is_number(), "{reading}.{score}: {metrics}");
        }
    }
    for reading in ["compressed", "uncompressed"] {
        for cost in ["compress_ms", "prefill_ms", "decode_ms", "total_ms", "tflop"] {
            assert!(metrics["speed"][reading][cost].is_number(), "speed.{reading}.{cost}: {metrics}");
        }
    }
    assert!(metrics["speed"]["speedup"].as_f64().unwrap() > 0.0, "{metrics}");
    assert_eq!((&metrics["training"]["steps"], &metrics["examples"]), (&8.into(), &4.into()));
    assert!(metrics["training"]["seconds"].is_number() && metrics["training"]["final_loss"].is_number(), "{metrics}");
    let stages: Vec<&str> = metrics["stages"].as_array().unwrap().iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    assert_eq!(stages, ["data", "measure before", "teacher's answers", "distillation"]);
    for name in ["report.html", "train.jsonl", "validation.jsonl", "metrics.jsonl", "config.toml", "model/manifest.json"] {
        assert!(tiny.path("run").join(name).is_file(), "{name}");
    }
    for plot in ["quality", "training", "speed"] {
        for (ending, begin) in [("png", &b"\x89PNG"[..]), ("svg", b"<svg")] {
            let content = std::fs::read(tiny.path(format!("run/plots/{plot}.{ending}"))).unwrap();
            assert!(content.starts_with(begin), "{plot}.{ending}");
        }
    }
    assert!(tiny.read("run/metrics.jsonl").lines().nth(3).unwrap().contains("validation_loss"));

    // A later evaluation gives the same results.
    let evaluated: Value = serde_json::from_str(&tiny.done(&["evaluate", "run/config.toml", "--json"])).unwrap();
    for part in ["before", "after", "examples"] {
        assert_eq!(evaluated[part], metrics[part], "{part}");
    }
    for number in ["/training/steps", "/training/seconds", "/training/final_loss", "/stages/3/seconds", "/stages/3/em"] {
        // Numbers that were read from a file may differ in the last bit.
        let of = |metrics: &Value| metrics.pointer(number).and_then(Value::as_f64).unwrap();
        assert!((of(&evaluated) - of(&metrics)).abs() < 1e-9, "{number}: {evaluated} and {metrics}");
    }

    // The configuration beside the result reproduces it.
    tiny.done(&["train", "run/config.toml", "--set", "output.directory=again"]);
    assert_eq!(tiny.curve("again"), tiny.curve("run"));

    // A second run replaces nothing without --overwrite, and says so before it starts.
    let before = tiny.files("run");
    let command = format!("{} quickstart quick.toml --set output.directory=run", env!("CARGO_BIN_EXE_scaledown"));
    let error = tiny.failed(&quickstart(place, &[]), 2);
    assert_eq!(
        error,
        format!(
            "{} contains a finished run; use `{command} --overwrite` to replace it, or `{command} --set output.directory=DIR` to write elsewhere",
            tiny.path("run").display()
        )
    );
    assert!(tiny.files("run") == before, "the earlier run was changed");
    tiny.write("run/notes.txt", "my own");
    tiny.done(&quickstart(place, &["--overwrite", "--set", "training.seed=7"]));
    assert_ne!(tiny.curve("run"), tiny.curve("again"));
    assert!(!tiny.path("run/validation.jsonl").exists(), "something of the old run is left");
    assert_eq!(tiny.read("run/notes.txt"), "my own");
    tiny.done(&quickstart("output.directory=none", &["--resume"]));
    assert!(tiny.path("none/metrics.json").exists(), "a run that is resumed before it began begins");
}

#[cfg(unix)]
#[test]
fn an_interrupted_quickstart_goes_on_where_it_stopped() {
    let tiny = tiny();
    let place = "output.directory=run";
    let child = start(&mut tiny.command(&quickstart(place, &["--set", "training.max_steps=1000000"])));
    assert!(poll(|| tiny.curve("run").len() > 2), "the training stands still");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let Ended { code, out, err } = finish(child);
    let step = tiny.curve("run").len() as u64;
    let command = format!("{} quickstart quick.toml --set {place}", env!("CARGO_BIN_EXE_scaledown"));
    let message = format!(
        "error: interrupted; saved step {step} in {}; continue with `{command} --set training.max_steps=1000000 --resume`",
        tiny.path("run").display()
    );
    assert_eq!((code, out.as_str(), err.lines().last()), (Some(130), "", Some(message.as_str())), "{err}");

    let steps = format!("training.max_steps={}", step + 3);
    let more = ["--set", steps.as_str()];
    let resume = [&more[..], &["--resume"]].concat();
    let error = tiny.failed(&quickstart(place, &more), 2);
    assert!(
        error.contains(&format!("contains an unfinished run; use `{command} --set {steps} --resume` to continue it")),
        "{error}"
    );
    // Other settings are refused, and so are other labels, which shows that those in the file are
    // taken.
    let error = tiny.failed(&quickstart(place, &[&resume[..], &["--set", "evaluation.max_new_tokens=3"]].concat()), 1);
    assert!(error.contains("evaluation.max_new_tokens was 4 and is 3"), "{error}");
    let labels = tiny.read("run/train.jsonl");
    let other = labels.replacen("\"answer\":\"", "\"answer\":\"x", 1);
    tiny.write("run/train.jsonl", &other);
    // It warns of documents that are cut.
    let error = tiny.failed(&quickstart(place, &[&resume[..], &["--quiet"]].concat()), 1);
    assert!(error.contains("the training records changed"), "{error}");
    tiny.write("run/train.jsonl", &labels);
    tiny.done(&quickstart(place, &resume));
    tiny.done(&quickstart("output.directory=whole", &more));
    assert_eq!(tiny.curve("run"), tiny.curve("whole"));
    assert_eq!(tiny.files("run/model").len(), tiny.files("whole/model").len());
    let metrics: Value = serde_json::from_str(&tiny.read("run/metrics.json")).unwrap();
    assert_eq!(metrics["training"]["steps"], step + 3);

    // With labels only, the training starts from the beginning.
    std::fs::remove_dir_all(tiny.path("run/checkpoints")).unwrap();
    tiny.write("run/train.jsonl", &other);
    tiny.done(&quickstart(place, &resume));
    assert_eq!(tiny.read("run/train.jsonl"), other);
    assert_ne!(tiny.curve("run"), tiny.curve("whole"));
}
