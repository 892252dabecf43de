use std::path::{Path, PathBuf};

use proptest::prelude::*;
use scaledown_sdk::component::{Factory, Registration, inventory};
use serde_json::json;

use super::*;

// The built-in plugins are not linked into the library's own tests; these stand in for them.
inventory::submit! {
    Registration {
        name: "cpu",
        description: "A device for tests.",
        schema: &|| json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        learning_rate: None,
        preference: 0,
        aliases: &[],
        digest: None,
        factory: Factory::Device(&|_| Err(scaledown_sdk::Error::Config("not a real device".into()))),
    }
}
inventory::submit! {
    Registration {
        name: "n-layers",
        description: "A compressor for tests.",
        schema: &|| json!({
            "type": "object",
            "properties": {
                "layers": { "type": "integer", "minimum": 1, "default": 5, "renamed-from": "depth" },
                "model": { "type": ["string", "null"], "format": "model" },
            },
        }),
        learning_rate: Some(5e-5),
        preference: 0,
        aliases: &["first-layers"],
        digest: None,
        factory: Factory::Compressor(&|_, _| Err(scaledown_sdk::Error::Config("not a real compressor".into()))),
    }
}
inventory::submit! {
    Registration {
        name: "modernbert",
        description: "Another compressor for tests.",
        schema: &|| json!({ "type": "object", "properties": { "hidden": { "type": "integer" } }, "required": ["hidden"] }),
        learning_rate: Some(1e-4),
        preference: 0,
        aliases: &[],
        digest: None,
        factory: Factory::Compressor(&|_, _| Err(scaledown_sdk::Error::Config("not a real compressor".into()))),
    }
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

fn load(directory: &Path, name: &str) -> Result<Config, ConfigError> {
    Config::load(&directory.join(name), &Overrides::default())
}

fn problem(text: &str) -> String {
    let directory = directory(&[("c.toml", text)]);
    let error = load(directory.path(), "c.toml").unwrap_err().to_string();
    error.replace(&directory.path().display().to_string(), "")
}

fn set(settings: &[&str]) -> Result<Config, ConfigError> {
    Config::from_defaults(&Overrides::new(Vec::new(), settings.iter().map(ToString::to_string).collect()))
}

#[test]
fn the_defaults_are_the_papers() {
    let config = Config::from_defaults(&Overrides::default()).unwrap();
    let output = Output { directory: std::env::current_dir().unwrap().join("runs/default"), ..Output::default() };
    assert_eq!(config, Config { output, ..Config::default() });
    assert_eq!((config.training.batch_size, config.training.warmup_ratio, config.training.max_grad_norm), (128, 0.05, 1.0));
    assert_eq!(config.reranking.weight, 0.05);
}

#[test]
fn later_layers_win() {
    let files = [
        ("base.toml", "[training]\nseed = 1\nepochs = 2\nmax_steps = 3\nbatch_size = 8\n"),
        ("sub/c.toml", "extends = \"../base.toml\"\n[training]\nepochs = 4\nmax_steps = 5\nbatch_size = 16\n"),
    ];
    let directory = directory(&files);
    let overrides = Overrides::new(
        vec![("SCALEDOWN_TRAINING__MAX_STEPS".into(), "6".into()), ("SCALEDOWN_TRAINING__BATCH_SIZE".into(), "24".into())],
        vec!["training.batch_size=32".into()],
    );
    let training = Config::load(&directory.path().join("sub/c.toml"), &overrides).unwrap().training;
    assert_eq!((training.seed, training.epochs, training.max_steps, training.batch_size), (1, 4, Some(6), 32));
}

/// The notes of a check of a configuration, without the file's directory.
fn notes(text: &str, settings: &[&str]) -> Vec<String> {
    let directory = directory(&[("c.toml", text)]);
    let overrides = Overrides::new(Vec::new(), settings.iter().map(ToString::to_string).collect());
    let checked = Config::check(&directory.path().join("c.toml"), &overrides).unwrap();
    checked.notes.iter().map(|note| note.to_string().replace(&directory.path().display().to_string(), "")).collect()
}

#[test]
fn a_renamed_key_still_works_and_a_note_names_the_new_one() {
    let text = "[training]\nseed = 1\nclip = 0.5\n[evaluation]\nbatch = 3\n[compressor]\nplugin = \"n-layers\"\ndepth = 7\n";
    let files = directory(&[("c.toml", text)]);
    let config = load(files.path(), "c.toml").unwrap();
    assert_eq!((config.training.max_grad_norm, config.evaluation.batch_size), (0.5, 3));
    assert_eq!(config.compressor.unwrap().options(), json!({ "layers": 7 }), "a plugin's own key");
    assert_eq!(
        notes(text, &["preparation.draw=0"]),
        [
            "/c.toml:8: compressor.depth: renamed to `layers`; the old name still works",
            "/c.toml:3: training.clip: renamed to `max_grad_norm`; the old name still works",
            "/c.toml:5: evaluation.batch: renamed to `batch_size`; the old name still works",
            "--set preparation.draw=0: preparation.draw: renamed to `random_negatives`; the old name still works",
        ]
    );
    assert_eq!(notes(&config_with_present_names(text), &[]), Vec::<String>::new());
}

fn config_with_present_names(text: &str) -> String {
    text.replace("clip", "max_grad_norm").replace("batch", "batch_size").replace("depth", "layers")
}

#[test]
fn a_renamed_key_has_the_precedence_of_its_layer() {
    let files = directory(&[
        ("base.toml", "[training]\nmax_grad_norm = 2.0\n"),
        ("c.toml", "extends = \"base.toml\"\n[training]\nclip = 3.0\n"),
    ]);
    assert_eq!(load(files.path(), "c.toml").unwrap().training.max_grad_norm, 3.0);
    let message = problem("[training]\nclip = 3.0\nmax_grad_norm = 2.0\n");
    assert_eq!(message, "/c.toml:2: training.clip: set beside `max_grad_norm`, its new name; remove one of them");
    let message = problem("[training]\nclip = -3.0\n");
    assert_eq!(message, "/c.toml:2: training.max_grad_norm: found -3.0, expected a number above 0.0");
}

#[test]
fn an_alias_stands_for_the_plugins_name() {
    let files = directory(&[
        ("base.toml", "[compressor]\nplugin = \"n-layers\"\nlayers = 7\n"),
        ("c.toml", "extends = \"base.toml\"\n[compressor]\nplugin = \"first-layers\"\n"),
    ]);
    let compressor = load(files.path(), "c.toml").unwrap().compressor.unwrap();
    assert_eq!((compressor.plugin.as_str(), compressor.options()), ("n-layers", json!({ "layers": 7 })), "it is the same plugin");
}

#[test]
fn an_unknown_key_names_file_line_and_the_nearest_name() {
    let message = problem("[training]\nseed = 1\nlr_genrator = 0.1\n");
    assert!(message.starts_with("/c.toml:3: training.lr_genrator: unknown key; did you mean `lr_generator`?"), "{message}");
    assert!(message.contains("weight_decay"), "{message}");
}

#[test]
fn an_unknown_section_is_an_error() {
    let message = problem("\n[trainning]\nseed = 1\n");
    assert!(message.starts_with("/c.toml:2: trainning: unknown key; did you mean `training`?"), "{message}");
}

#[test]
fn a_wrong_type_says_what_was_found_and_what_is_allowed() {
    let message = problem("[compression]\nmemory_tokens = \"eight\"\n");
    assert_eq!(message, "/c.toml:2: compression.memory_tokens: found the string \"eight\", expected an integer from 1 to 1024");
}

#[test]
fn a_float_is_no_integer_even_if_it_is_whole() {
    let message = problem("[training]\nbatch_size = 10.0\n");
    assert_eq!(message, "/c.toml:2: training.batch_size: found 10.0, expected an integer of at least 1");
    let message =
        problem("[training]\nseed = 1.0\n[compression]\nmemory_tokens = 2.0\n[[pretraining.stages]]\nmax_steps = 1e3\n");
    assert_eq!(message.lines().count(), 3, "{message}");
    let message = problem("[compressor]\nplugin = \"n-layers\"\nlayers = 1.0\n");
    assert_eq!(message, "/c.toml:3: compressor.layers: found 1.0, expected an integer of at least 1");
    // The other way round, an integer is a number.
    assert_eq!(set(&["training.warmup_ratio=1", "training.max_grad_norm=2.0"]).unwrap().training.warmup_ratio, 1.0);
}

#[test]
fn a_value_out_of_range_says_the_range() {
    assert_eq!(
        problem("training.warmup_ratio = 3\n"),
        "/c.toml:1: training.warmup_ratio: found 3, expected a number from 0.0 to 1.0"
    );
    assert_eq!(
        problem("training.max_grad_norm = 0\n"),
        "/c.toml:1: training.max_grad_norm: found 0, expected a number above 0.0"
    );
}

#[test]
fn a_wrong_option_lists_the_options() {
    let message = problem("[training]\nschedule = \"liner\"\n");
    assert_eq!(
        message,
        "/c.toml:2: training.schedule: found the string \"liner\", expected one of \"linear\", \"cosine\", \"constant\"; did you mean \"linear\"?"
    );
}

#[test]
fn problems_inside_a_list_name_the_element() {
    let message = problem("[[pretraining.stages]]\nmax_steps = 9\n[[pretraining.stages]]\nuntil_accuracy = 0.5\nmax_steps = 0\n");
    assert_eq!(message, "/c.toml:5: pretraining.stages.1.max_steps: found 0, expected an integer of at least 1");
}

#[test]
fn a_missing_key_is_named() {
    let message = problem("[compressor]\nlayers = 3\n");
    assert_eq!(
        message,
        "/c.toml:1: compressor.plugin: is missing; expected one of the built-in compressor plugins: \"modernbert\", \"n-layers\""
    );
}

#[test]
fn every_problem_is_listed() {
    let message = problem("[training]\nseed = -1\nwarmup = 2\n[data]\ntrain = 3\n");
    assert_eq!(message.lines().count(), 3, "{message}");
}

#[test]
fn an_error_names_the_variable_or_the_option() {
    let overrides = Overrides::new(vec![("SCALEDOWN_TRAINING__SEEED".into(), "1".into())], Vec::new());
    let message = Config::from_defaults(&overrides).unwrap_err().to_string();
    assert!(
        message.starts_with("environment variable SCALEDOWN_TRAINING__SEEED: training.seeed: unknown key; did you mean `seed`?")
    );
    let message = set(&["training.seed=x"]).unwrap_err().to_string();
    assert_eq!(message, "--set training.seed=x: training.seed: found the string \"x\", expected an integer of at least 0");
    assert!(set(&["training.seed"]).unwrap_err().to_string().contains("expected KEY=VALUE"));
    assert!(set(&["training..seed=1"]).unwrap_err().to_string().contains("a part of the key is empty"));
}

#[test]
fn only_variables_with_a_section_set_keys() {
    assert!(is_key_variable("SCALEDOWN_TRAINING__SEED"));
    for name in ["SCALEDOWN_NEURON_PLUGIN", "SCALEDOWN_CUDA_LIBRARIES", "TRAINING__SEED", "HOME"] {
        assert!(!is_key_variable(name), "{name}");
    }
}

#[test]
fn a_setting_is_toml_or_else_a_string() {
    let config =
        set(&["output.directory=a b", "data.train=\"q.jsonl\"", "reranking.enabled=true", "training.lr_compressor=5e-5"])
            .unwrap();
    assert!(config.output.directory.ends_with("a b") && config.output.directory.is_absolute());
    assert_eq!(config.data.train, Some(std::env::current_dir().unwrap().join("q.jsonl")));
    assert!(config.reranking.enabled);
    assert_eq!(config.training.lr_compressor, Some(5e-5));
}

#[test]
fn a_text_that_reads_as_a_number_is_a_text_where_a_text_is_wanted() {
    let load = |name: &str, value: &str| {
        let variable = (format!("SCALEDOWN_{name}"), value.to_owned());
        Config::from_defaults(&Overrides::new(vec![variable], Vec::new()))
    };
    for text in ["123", "007", "1e5", "1.50", "true", "2024-01-01"] {
        let here = std::env::current_dir().unwrap().join(text);
        assert_eq!(load("DATA__TRAIN", text).unwrap().data.train, Some(here.clone()), "{text}");
        assert_eq!(set(&[&format!("data.train={text}")]).unwrap().data.train, Some(here), "{text}");
    }
    assert_eq!(load("PROMPT__SEPARATOR", "0x10").unwrap().prompt.separator, "0x10");
    // Where a number is wanted, it stays one; and in a file, what has no quotes is none.
    assert_eq!(load("TRAINING__SEED", "7").unwrap().training.seed, 7);
    assert_eq!(problem("data.train = 123\n"), "/c.toml:1: data.train: found 123, expected a non-empty string");
    let message = load("DATA__TRAIN", "[1]").unwrap_err().to_string();
    assert!(message.contains("found the list [1], expected a non-empty string"), "{message}");
}

#[test]
fn what_names_a_place_is_not_empty() {
    let message = problem("output.directory = \"\"\n[data]\ntrain = \"\"\n[compressor]\nplugin = \"n-layers\"\nmodel = \"\"\n");
    for (line, key) in [(1, "output.directory"), (3, "data.train"), (6, "compressor.model")] {
        let reported = format!("/c.toml:{line}: {key}: found the string \"\", expected a non-empty string");
        assert!(message.lines().any(|line| line == reported), "{message}");
    }
}

#[test]
fn the_compressors_learning_rate_is_its_plugins_unless_it_is_set() {
    let rate = |settings: &[&str]| set(settings).unwrap().training.lr_compressor;
    let n_layers = ["compressor.plugin=n-layers"];
    assert_eq!(rate(&n_layers), Some(5e-5));
    assert_eq!(rate(&["compressor.plugin=modernbert", "compressor.hidden=8"]), Some(1e-4));
    assert_eq!(rate(&[n_layers[0], "training.lr_compressor=1e-3"]), Some(1e-3));
    assert_eq!(rate(&[]), None);
    let written: toml::Table = set(&n_layers).unwrap().to_toml().unwrap().parse().unwrap();
    assert_eq!(written["training"]["lr_compressor"].as_float(), Some(5e-5));
}

#[test]
fn how_answers_are_made_is_checked_and_greedy_unless_set() {
    use scaledown_sdk::nn::Sampling;
    let evaluation = |settings: &[&str]| set(settings).unwrap().evaluation;
    assert_eq!((evaluation(&[]).sampling(), evaluation(&[]).stop), (Sampling::Greedy, Vec::new()));
    let drawn =
        evaluation(&["evaluation.temperature=0.5", "evaluation.top_p=0.9", "evaluation.seed=7", "evaluation.stop=['\\n', 'Q:']"]);
    assert_eq!(drawn.sampling(), Sampling::TopP { temperature: 0.5, top_p: 0.9, seed: 7 });
    assert_eq!(drawn.stop, ["\\n", "Q:"]);
    for (setting, expected) in [
        ("evaluation.temperature=-1", "expected a number of at least 0"),
        ("evaluation.top_p=0", "expected a number above 0.0 and at most 1.0"),
        ("evaluation.stop='x'", "expected a list, each element a non-empty string"),
        ("evaluation.stop=['']", "expected a non-empty string"),
    ] {
        let message = set(&[setting]).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn broken_toml_names_the_line() {
    let message = problem("[training]\nseed = = 1\n");
    assert!(message.starts_with("/c.toml:2: not valid TOML: "), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn a_missing_file_or_base_is_named() {
    let directory = directory(&[("c.toml", "extends = \"nowhere.toml\"\n")]);
    let message = load(directory.path(), "c.toml").unwrap_err().to_string();
    assert!(message.contains("c.toml:1: extends: cannot read") && message.contains("nowhere.toml"), "{message}");
    assert!(load(directory.path(), "none.toml").unwrap_err().to_string().contains("cannot read the configuration"));
}

#[test]
fn a_circle_of_files_is_an_error() {
    let directory = directory(&[("a.toml", "extends = \"b.toml\"\n"), ("b.toml", "extends = \"./a.toml\"\n")]);
    let message = load(directory.path(), "a.toml").unwrap_err().to_string();
    assert!(message.contains("circular"), "{message}");
}

#[test]
fn relative_paths_count_from_the_file_that_sets_them() {
    let files = [
        ("base/b.toml", "[data]\ntrain = \"t.jsonl\"\ntest = \"../e.jsonl\"\n"),
        ("c.toml", "extends = \"base/b.toml\"\n[data]\ntest = \"f.jsonl\"\n"),
    ];
    let directory = directory(&files);
    let root = directory.path().canonicalize().unwrap();
    let data = load(&root, "c.toml").unwrap().data;
    assert_eq!((data.train, data.test), (Some(root.join("base/t.jsonl")), Some(root.join("f.jsonl"))));
    let data = load(&root, "base/b.toml").unwrap().data;
    assert_eq!(data.test, Some(root.join("e.jsonl")));
}

#[test]
fn a_layer_with_another_plugin_starts_the_table_anew() {
    let files = [
        ("b.toml", "[compressor]\nplugin = \"n-layers\"\nlayers = 3\n"),
        ("same.toml", "extends = \"b.toml\"\n[compressor]\nplugin = \"n-layers\"\n"),
        ("other.toml", "extends = \"b.toml\"\n[compressor]\nplugin = \"modernbert\"\nhidden = 4\n"),
    ];
    let directory = directory(&files);
    let options = |name: &str| load(directory.path(), name).unwrap().compressor.unwrap().options();
    assert_eq!(options("same.toml"), json!({ "layers": 3 }));
    assert_eq!(options("other.toml"), json!({ "hidden": 4 }));
}

#[test]
fn a_plugins_keys_are_checked_against_its_own_schema() {
    let message = problem("[compressor]\nplugin = \"n-layers\"\nlayer = 3\n");
    assert_eq!(message, "/c.toml:3: compressor.layer: unknown key; did you mean `layers`? expected one of layers, model, plugin");
    let message = problem("compressor = { plugin = \"n-layers\", layers = 0 }\n");
    assert_eq!(message, "/c.toml:1: compressor.layers: found 0, expected an integer of at least 1");
    let message = problem("[compressor]\nplugin = \"modernbert\"\n");
    assert_eq!(message, "/c.toml:1: compressor.hidden: is missing; expected an integer");
}

#[test]
fn an_unknown_plugin_is_reported_with_those_there_are() {
    let message = problem("[compressor]\nplugin = \"nlayers\"\n");
    assert_eq!(
        message,
        "/c.toml:2: compressor.plugin: found the string \"nlayers\", expected one of the built-in compressor plugins: \"modernbert\", \"n-layers\"; did you mean \"n-layers\"?"
    );
    let message = problem("[retriever]\nplugin = \"bm26\"\n");
    assert!(message.starts_with("/c.toml:2: retriever.plugin: found the string \"bm26\", expected"), "{message}");
    let message = problem("[retriever]\nplugin = \"bm25\"\n");
    let reported = "plugin \"bm25\" is not built in; build with `--features bm25` (or `--features full`)";
    assert_eq!(
        message,
        format!("/c.toml:2: retriever.plugin: {reported}"),
        "one that is not built in is reported with its feature"
    );
}

#[test]
fn a_plugins_defaults_are_written_out() {
    let directory = directory(&[("c.toml", "[compressor]\nplugin = \"n-layers\"\n")]);
    assert_eq!(load(directory.path(), "c.toml").unwrap().compressor.unwrap().options(), json!({ "layers": 5 }));
}

#[test]
fn a_model_is_a_hub_id_unless_it_is_a_directory() {
    let files = [
        ("models/tiny/config.json", "{}"),
        ("c.toml", "[compressor]\nplugin = \"n-layers\"\nmodel = \"models/tiny\"\n"),
        ("hub.toml", "[compressor]\nplugin = \"n-layers\"\nmodel = \"models/other\"\n"),
        ("path.toml", "[compressor]\nplugin = \"n-layers\"\nmodel = \"./models/other\"\n"),
    ];
    let directory = directory(&files);
    let root = directory.path().canonicalize().unwrap();
    let model = |name: &str| load(&root, name).unwrap().compressor.unwrap().options["model"].as_str().unwrap().to_owned();
    assert_eq!(model("c.toml"), root.join("models/tiny").to_str().unwrap());
    assert_eq!(model("hub.toml"), "models/other");
    assert_eq!(model("path.toml"), root.join("models/other").to_str().unwrap());
}

#[test]
fn values_that_do_not_go_together_are_an_error() {
    let message = problem("[training]\nbatch_size = 12\nmicro_batch = 8\n");
    assert_eq!(message, "/c.toml:3: training.micro_batch: found 8, expected a divisor of training.batch_size, which is 12");
}

#[test]
fn the_schema_documents_every_section() {
    let schema = json_schema();
    let properties = schema["properties"].as_object().unwrap();
    for (name, section) in properties {
        assert!(section["description"].is_string(), "{name} has no description");
        for (key, property) in section["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}.{key} has no description");
        }
    }
    assert!(!schema.to_string().contains("\"null\""));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_written_out_loads_as_the_same(
        memory in 1_usize..=1024, warmup in 0.0..=1.0, rate in 0.0..1e3_f64, steps in proptest::option::of(1_usize..1000),
        enabled in any::<bool>(), seed in 0_u64..=i64::MAX as u64, system in "\\PC*",
    ) {
        let mut config = Config::default();
        config.compression.memory_tokens = memory;
        config.training.warmup_ratio = warmup;
        config.training.lr_compressor = Some(rate);
        config.training.max_steps = steps;
        config.training.seed = seed;
        config.reranking.enabled = enabled;
        config.prompt.system = system;
        config.output.directory = PathBuf::from("/runs");
        let directory = directory(&[("c.toml", &config.to_toml().unwrap())]);
        prop_assert_eq!(load(directory.path(), "c.toml").unwrap(), config);
    }

    #[test]
    fn no_text_makes_loading_panic(text in "\\PC{0,80}", key in "[a-z_.=\\[\\]\"]{0,24}") {
        let directory = directory(&[("c.toml", &text)]);
        let _ = Config::load(&directory.path().join("c.toml"), &Overrides::new(Vec::new(), vec![key]));
    }
}
