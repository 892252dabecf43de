//! Trainings of a tiny model, from its data to its answers.

use serde_json::Value;

use crate::tiny::{ENDLESS, Point, Tiny, with};

fn losses(curve: &[Point]) -> Vec<f64> {
    curve.iter().map(|point| point.loss).collect()
}

fn assert_close(a: &[Point], b: &[Point], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (a, b) in a.iter().zip(b) {
        assert!((a.loss - b.loss).abs() < 1e-4 * a.loss.abs(), "{what}: {a:?} and {b:?}");
    }
}

/// Over several micro-batches a step, more than one epoch, and with dropout.
const HARD: [&str; 3] = ["training.micro_batch=2", "generator.lora.dropout=0.3", "training.max_steps=10"];

#[test]
fn the_seed_decides_every_bit_of_a_training() {
    let tiny = Tiny::new();
    let first = tiny.train("first", &HARD);
    assert_eq!(first.iter().map(|point| point.step).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    assert_eq!(tiny.train("second", &HARD), first);
    for name in ["compressor.safetensors", "adapter_model.safetensors"] {
        let content = |run: &str| std::fs::read(tiny.path(run).join("model").join(name)).unwrap();
        assert_eq!(content("first"), content("second"), "{name}");
    }
    let other = tiny.train("other", &[&HARD[..], &["training.seed=43"]].concat());
    assert!(first.iter().zip(&other).all(|(a, b)| a.loss != b.loss), "{first:?} and {other:?}");
    let without_dropout = tiny.train("dry", &[&HARD[..], &["generator.lora.dropout=0.0"]].concat());
    assert_ne!(losses(&without_dropout), losses(&first), "there was no dropout");
}

#[test]
fn micro_batches_and_checkpointing_change_nothing_but_memory() {
    let tiny = Tiny::new();
    let whole = tiny.train("whole", &[]);
    assert_close(&tiny.train("parts", &["training.micro_batch=1"]), &whole, "micro-batches of 1");
    // The dropout of a layer that is computed twice must be the same both times.
    let kept = tiny.train("kept", &HARD);
    let recomputed = tiny.train("recomputed", &[&HARD[..], &["training.gradient_checkpointing=true"]].concat());
    assert_eq!(recomputed, kept);
}

#[test]
fn what_is_measured_during_a_training_changes_nothing_of_it() {
    let tiny = Tiny::new();
    let whole = tiny.train("plain", &HARD);
    let measured = ["data.validation=train.jsonl", "data.validation_limit=5", "training.validate_every=4"];
    assert_eq!(tiny.train("measured", &[&HARD[..], &measured].concat()), whole);
    for name in ["compressor.safetensors", "adapter_model.safetensors"] {
        let content = |run: &str| std::fs::read(tiny.path(run).join("model").join(name)).unwrap();
        assert_eq!(content("plain"), content("measured"), "{name}");
    }
    let log = tiny.read("measured/metrics.jsonl");
    let points: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let measured: Vec<u64> =
        points.iter().filter(|point| point["validation_loss"].is_number()).map(|point| point["step"].as_u64().unwrap()).collect();
    assert_eq!(measured, [4, 8, 10]);
    let (first, last) = (&points[3], &points[9]);
    let number = |point: &Value, name: &str| point[name].as_f64().unwrap();
    assert!(number(last, "validation_loss") < number(first, "validation_loss"), "{first} {last}");
    assert!((0.0..=1.0).contains(&number(last, "validation_accuracy")), "{last}");
    assert!(!tiny.read("plain/metrics.jsonl").contains("validation"));

    let validation =
        ["--set", "data.validation=train.jsonl", "--set", "training.validate_every=2", "--set", "training.max_steps=2"];
    for (config, kind) in [("base.toml", "causal-lm"), ("tiny.toml", "auto-encoding")] {
        let (kind_, directory) = (format!("pretraining.kind={kind}"), format!("output.directory={kind}"));
        tiny.done(&[&["pretrain", config, "--set", &kind_, "--set", &directory][..], &validation].concat());
        assert!(tiny.read(&format!("{kind}/metrics.jsonl")).lines().nth(1).unwrap().contains("\"validation_loss\""), "{kind}");
    }
}

#[test]
fn the_papers_adapter_is_the_default_and_false_freezes_the_generator() {
    let tiny = Tiny::new();
    let paper = "base.toml";
    let trained = |config: &str, directory: &str, setting: &str| {
        let directory = format!("output.directory={directory}");
        tiny.done(&["train", config, "--set", &directory, "--set", "training.max_steps=2", "--set", setting]);
    };
    trained(paper, "paper", "training.seed=42");
    let adapter: Value = serde_json::from_str(&tiny.read("paper/model/adapter_config.json")).unwrap();
    assert_eq!((&adapter["r"], &adapter["lora_alpha"], &adapter["lora_dropout"]), (&16.into(), &32.0.into(), &0.1.into()));
    assert!(tiny.read("paper/config.toml").contains("target = \"all-linear\""), "the adapter is not written out");
    trained(paper, "frozen", "generator.lora=false");
    assert!(!tiny.path("frozen/model/adapter_model.safetensors").exists());
    let evaluate = ["evaluate", paper, "--json", "--set", "output.report=false", "--set"];
    tiny.done(&[&evaluate[..], &["output.directory=frozen", "--set", "generator.lora=false"]].concat());
    assert!(!tiny.path("frozen/report.html").exists() && !tiny.path("frozen/plots").exists(), "a report was not wanted");
    assert!(tiny.path("frozen/metrics.json").exists());
    for (directory, more, message) in [
        ("frozen", "generator.lora=true", "the model has no adapter, the configuration's generator has one"),
        ("paper", "generator.lora=false", "the model has an adapter, the configuration's generator has none"),
        ("paper", "generator.lora.r=2", "the adapter's rank is 16, the configuration's is 2"),
        ("paper", "generator.lora.alpha=3", "the adapter's alpha is 32, the configuration's is 3"),
        // The generator's random weights follow from the seed.
        ("paper", "training.seed=7", "it was trained with a generator whose weights differ"),
        (
            "paper",
            "compression.memory_tokens=3",
            "memory_embeddings has the shape [2, 16], the configuration's compressor has [3, 16]",
        ),
    ] {
        let place = format!("output.directory={directory}");
        let error = tiny.failed(&[&evaluate[..], &[&place, "--set", more]].concat(), 1);
        assert!(error.contains(message) && error.ends_with("config.toml in the same directory"), "{error}");
    }
    // A language model is trained as a whole, and an adapter beside it would be lost.
    let error = tiny.failed(&["pretrain", "tiny.toml"], 2);
    assert!(error.contains("without an adapter") && error.contains("`generator.lora = false`"), "{error}");
    // An invalid target is reported before training starts.
    let error = tiny.failed(&["train", "tiny.toml", "--set", "generator.lora.target=[\"q_prj\"]"], 1);
    assert!(error.contains("target \"q_prj\" is not a linear layer of the model") && error.contains("q_proj"), "{error}");
    assert!(!tiny.path("run").exists(), "something was written");
    for (setting, message) in [
        ("generator.lora=3", "generator.lora: found 3, expected a table or true or false"),
        ("generator.lora.rank=3", "generator.lora.rank: unknown key; expected one of alpha, dropout, r, target"),
    ] {
        let error = tiny.failed(&["train", "tiny.toml", "--set", setting], 1);
        assert!(error.ends_with(message), "{error}");
    }
}

#[test]
fn an_evaluation_tells_the_training_and_what_it_started_from() {
    let tiny = Tiny::new();
    let config = "extends = \"tiny.toml\"\n[pretraining]\nkind = \"auto-encoding\"\n[output]\ndirectory = \"pretrained\"\n";
    tiny.write("pretrain.toml", config);
    tiny.done(&["pretrain", "pretrain.toml", "--set", "training.max_steps=30"]);
    let started =
        ["--set", "training.init_from=./pretrained/model", "--set", "training.max_steps=1", "--set", "training.lr_compressor=0"];
    let still = [&started[..], &["--set", "training.lr_generator=0"]].concat();
    tiny.done(&[&["train", "tiny.toml"][..], &still].concat());
    let metrics: Value = serde_json::from_str(&tiny.done(&[&["evaluate", "tiny.toml", "--json"][..], &still].concat())).unwrap();
    // Nothing was learnt, so what it started from answers as what came out.
    assert_eq!(metrics["before"], metrics["after"]);
    assert_eq!((&metrics["training"]["steps"], &metrics["stages"][0]["name"]), (&1.into(), &"distillation".into()), "{metrics}");
    assert!(metrics["training"]["seconds"].as_f64().unwrap() > 0.0 && metrics["stages"][0]["em"].is_number(), "{metrics}");
    assert!(metrics["peak_memory_bytes"]["training"].as_u64().unwrap() > 0, "{metrics}");
    std::fs::rename(tiny.path("pretrained"), tiny.path("gone")).unwrap();
    let error = tiny.failed(&[&["evaluate", "tiny.toml"][..], &still].concat(), 1);
    assert!(error.contains("pretrained/model: there is no such directory"), "{error}");
    std::fs::rename(tiny.path("gone"), tiny.path("pretrained")).unwrap();
    // A model serves in another element type than it was trained in.
    let bf16 = tiny.done(&[&["evaluate", "tiny.toml", "--json", "--set", "training.dtype=bf16"][..], &still].concat());
    assert!(bf16.contains("\"after\""));
    // An invalid model is reported before measuring starts.
    for (place, reported) in [
        ("run/checkpoints/step-00000001", "this is a training checkpoint"),
        ("run", "this is a run's output directory"),
        ("generator", "this is a language model; expected a trained compressor"),
    ] {
        let error = tiny.failed(&["evaluate", "tiny.toml", "--set", "data.test=missing.jsonl", "--model", place], 1);
        assert!(error.starts_with(&format!("{place}: {reported}")), "{error}");
    }
    let error =
        tiny.failed(&["pretrain", "base.toml", "--set", "training.init_from=run/model", "--set", "output.directory=x"], 1);
    assert!(error.contains("this is a trained compressor; expected a language model"), "{error}");
}

#[test]
fn a_model_trained_in_bf16_learns_and_answers() {
    let tiny = Tiny::new();
    let losses = losses(&tiny.train("run", &["training.dtype=bf16", "training.max_steps=40", "data.train_limit=8"]));
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&losses[..5]), mean(&losses[35..]));
    assert!(last < 0.7 * first, "the mean loss went from {first} to {last}");
    let stored = std::fs::read(tiny.path("run/model/compressor.safetensors")).unwrap();
    assert!(String::from_utf8_lossy(&stored).contains("\"BF16\""), "the weights are not in bf16");

    let bf16 = ["--set", "training.dtype=bf16"];
    let metrics: Value = serde_json::from_str(&tiny.done(&[&["evaluate", "tiny.toml", "--json"][..], &bf16].concat())).unwrap();
    assert_eq!(metrics["examples"], 4);
    for reading in ["before", "after", "uncompressed", "without_documents"] {
        assert!(metrics[reading]["em"].is_number(), "{reading}: {metrics}");
    }
    assert!(metrics["speed"]["compressed"]["total_ms"].as_f64().unwrap() > 0.0, "{metrics}");
    assert!(tiny.read("run/report.html").contains("ScaleDown"));

    tiny.write("documents.txt", "The home of Hazel Brenow is Aspen Vale.\n\nBirch Loom is framed in walnut.\n");
    let question = ["answer", "tiny.toml", "--query", "What is the home of Hazel Brenow?", "--documents", "documents.txt"];
    let question = [&question[..], &bf16].concat();
    let reported = tiny.done(&question);
    for part in ["Hazel Brenow is Aspen Vale", "framed in walnut", "compress ", "prefill ", "decode "] {
        assert!(reported.contains(part), "`{part}` is missing in: {reported}");
    }
    let answered: Value = serde_json::from_str(&tiny.done(&[&question[..], &["--json"]].concat())).unwrap();
    assert!(answered["answer"].is_string() && answered["timings"]["total_ms"].as_f64().unwrap() > 0.0, "{answered}");
    let texts: Vec<_> = answered["documents"].as_array().unwrap().iter().map(|document| &document["text"]).collect();
    assert_eq!(texts, ["The home of Hazel Brenow is Aspen Vale.", "Birch Loom is framed in walnut."]);

    let untrained = [&question[..], &["--set", "output.directory=none"]].concat();
    let error = tiny.failed(&untrained, 1);
    assert!(error.contains("none/model: there is no such directory; expected a trained compressor"), "{error}");
    assert!(error.contains("`scaledown train`"), "{error}");
}

#[test]
fn a_generator_with_quantised_weights_is_trained_resumed_and_asked() {
    let tiny = Tiny::new();
    // Rows of whole blocks.
    tiny.write("generator/config.json", tiny.read("generator/config.json").replace("\"hidden_size\": 16", "\"hidden_size\": 32"));
    tiny.write("documents.txt", "The home of Hazel Brenow is Aspen Vale.\n");
    let plain = tiny.train("plain", &ENDLESS);
    for quantization in ["bf16", "q8_0", "q4_0"] {
        let (setting, place) = (format!("generator.quantization={quantization}"), format!("output.directory={quantization}"));
        let (setting, place) = (setting.as_str(), place.as_str());
        let whole = tiny.train(quantization, &with(&ENDLESS, &[setting]));
        assert_ne!(losses(&whole), losses(&plain), "{quantization} changes nothing");
        assert!(plain.iter().zip(&whole).all(|(plain, found)| (plain.loss - found.loss).abs() < 0.03 * plain.loss), "{whole:?}");
        tiny.train("parts", &with(&ENDLESS, &[setting, "training.max_steps=4"]));
        assert_eq!(tiny.train("parts", &with(&ENDLESS, &[setting, "--resume"])), whole);
        std::fs::remove_dir_all(tiny.path("parts")).unwrap();
        let evaluate = ["evaluate", "tiny.toml", "--json", "--set", place, "--set", setting];
        let metrics: Value = serde_json::from_str(&tiny.done(&evaluate)).unwrap();
        assert!(metrics["after"]["em"].is_number() && metrics["uncompressed"]["em"].is_number(), "{metrics}");
        let question = ["answer", "tiny.toml", "--query", "What is the home of Hazel Brenow?", "--documents", "documents.txt"];
        tiny.done(&with(&question, &["--set", place, "--set", setting]));
        let causal = ["--set", "pretraining.kind=causal-lm", "--set", "output.directory=none", "--set", setting];
        let error = tiny.failed(&with(&["pretrain", "base.toml"], &causal), 1);
        assert!(error.contains("cannot be held as") && error.contains("`generator.quantization`"), "{error}");
    }
}

/// Two stages that end at their accuracy after 20 steps each, not at their last.
const CURRICULUM: &str = r#"
[[pretraining.stages]]
until_accuracy = 0.0
max_steps = 60
data = [{ path = "atlas/pretraining/1.jsonl" }]
[[pretraining.stages]]
until_accuracy = 0.0
max_steps = 60
data = [{ path = "atlas/text/train.txt", records = 20 }]
"#;

/// Pretrains along the curriculum; a resumption finds it finished, and changes nothing.
fn pretrain_to_the_end(tiny: &Tiny) {
    let ended = tiny.run(&["pretrain", "pretrain.toml", "--json"]);
    let outcome: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&outcome["steps"], &outcome["interrupted"]), (&40.into(), &false.into()), "{}", ended.err);
    assert_eq!(ended.err, "", "there is no terminal");
    let (curve, model) = (tiny.curve("pretrained"), tiny.files("pretrained/model"));
    assert_eq!(curve.len(), 40);
    let resumed: Value = serde_json::from_str(&tiny.done(&["pretrain", "pretrain.toml", "--json", "--resume"])).unwrap();
    assert_eq!((&resumed["steps"], &resumed["interrupted"]), (&40.into(), &false.into()));
    assert_eq!(tiny.curve("pretrained"), curve);
    assert!(tiny.files("pretrained/model") == model, "the resumption changed the model");
}

#[test]
fn a_language_model_is_pretrained_along_a_curriculum() {
    let tiny = Tiny::new();
    let config = "extends = \"base.toml\"\n[pretraining]\nkind = \"causal-lm\"\n[output]\ndirectory = \"pretrained\"\n";
    tiny.write("pretrain.toml", format!("{config}{CURRICULUM}"));
    pretrain_to_the_end(&tiny);
    for name in ["model.safetensors", "config.json", "tokenizer.json"] {
        assert!(tiny.path("pretrained/model").join(name).is_file(), "{name}");
    }
    // It is read as any other model, and is not the random one.
    let pretrained = tiny.train("run", &["generator.model=./pretrained/model", "generator.init=pretrained"]);
    assert!(pretrained[0].loss < tiny.train("random", &[])[0].loss - 0.5, "the pretrained model knows nothing");

    // A deeper one starts where it stood: its upper layers start from small weights.
    let deeper = tiny.read("generator/config.json").replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
    tiny.write("deeper/config.json", &deeper);
    tiny.write("deeper/tokenizer.json", tiny.read("generator/tokenizer.json"));
    let deeper = ["--set", "generator.model=./deeper", "--set", "output.directory=deepened"];
    let start = ["--set", "training.init_from=./pretrained/model", "--set", "training.seed=2"];
    let ended = tiny.run(&[&["pretrain", "pretrain.toml"][..], &deeper, &start].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.starts_with("warning: "), "{}", ended.err);
    assert!(ended.err.contains("model.layers.2.mlp.up_proj.weight") && !ended.err.contains("model.layers.1."), "{}", ended.err);
    let (last, first) = (tiny.curve("pretrained").pop().unwrap(), tiny.curve("deepened")[0].loss);
    assert!(first < last.loss + 0.5, "the deeper model starts at {first}, the shallower one ended at {}", last.loss);
}

#[test]
fn a_compressor_is_pretrained_and_a_training_starts_from_it() {
    let tiny = Tiny::new();
    let config = "extends = \"tiny.toml\"\n[pretraining]\nkind = \"auto-encoding\"\n[output]\ndirectory = \"pretrained\"\n";
    tiny.write("pretrain.toml", format!("{config}{CURRICULUM}"));
    pretrain_to_the_end(&tiny);
    let start = "training.init_from=./pretrained/model";
    let started = tiny.train("run", &[start]);
    assert!(started[0].loss < tiny.train("fresh", &[])[0].loss - 0.2, "the training did not start from the pretrained model");
    // With learning rates of zero, nothing changes.
    tiny.train("still", &[start, "training.lr_generator=0", "training.lr_compressor=0", "training.max_steps=1"]);
    for name in ["compressor.safetensors", "adapter_model.safetensors"] {
        let content = |run: &str| std::fs::read(tiny.path(run).join("model").join(name)).unwrap();
        assert!(content("still") == content("pretrained"), "{name}");
    }
}

#[test]
fn plain_text_is_enough_to_pretrain_on() {
    let tiny = Tiny::new();
    tiny.write("text.txt", "Aspen Vale grows peas.\n\nBirch Loom is framed in walnut.\n");
    let settings =
        ["--set", "pretraining.text=text.txt", "--set", "pretraining.kind=auto-encoding", "--set", "training.max_steps=3"];
    tiny.done(&[&["pretrain", "tiny.toml"][..], &settings].concat());
    assert_eq!(tiny.curve("run").len(), 3);

    // A long line is cut into pieces, none of which is lost: an epoch over it has as many steps as
    // pieces.
    let steps = |lines: usize, directory: &str| {
        let line = "Aspen Vale grows peas and Birch Loom is framed in walnut. ".repeat(20);
        tiny.write("long.txt", vec![line.trim(); lines].join("\n"));
        let directory = format!("output.directory={directory}");
        let settings = [
            "pretraining.text=long.txt",
            "training.batch_size=1",
            "training.micro_batch=1",
            "training.epochs=1",
            "training.max_steps=1000",
            &directory,
        ];
        let sets = settings.iter().flat_map(|setting| ["--set", setting]).collect::<Vec<_>>();
        let outcome: Value =
            serde_json::from_str(&tiny.done(&[&["pretrain", "base.toml", "--json"][..], &sets].concat())).unwrap();
        outcome["steps"].as_u64().unwrap()
    };
    let pieces = steps(1, "one");
    assert!(pieces > 5, "only {pieces} pieces");
    assert_eq!(steps(2, "two"), 2 * pieces);

    // Ordinary training records are a question each.
    let settings = ["--set", "training.max_steps=2", "--set", "output.directory=records"];
    tiny.done(&[&["pretrain", "base.toml"][..], &settings].concat());
    assert_eq!(tiny.curve("records").len(), 2);
}
