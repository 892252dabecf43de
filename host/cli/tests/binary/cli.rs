//! The binary, run as a person or a script would run it.

use crate::command::{Ran, run, run_in, scaledown};

#[test]
fn help_lists_every_subcommand() {
    let ran = run(&["--help"]);
    assert_eq!(ran.code, 0);
    for name in ["config", "plugin", "doctor", "dataset", "completions"] {
        assert!(ran.out.contains(name), "{name} is missing in:\n{}", ran.out);
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    assert_eq!(run(&[]).code, 2);
    let ran = run(&["plugn"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("plugin"), "{}", ran.err);
    let ran = run(&["config", "show", "x.toml", "--set", "training.seed"]);
    assert_eq!((ran.code, ran.err.trim()), (2, "error: --set training.seed: expected KEY=VALUE, as in `--set training.seed=1`"));
}

#[test]
fn a_wrong_configuration_is_one_line_and_exit_code_1() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("c.toml"), "[training]\nwarmup_ratioo = 0.1\n").unwrap();
    let ran = run_in(directory.path(), &["config", "check", "c.toml"], &[]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(
        ran.err.starts_with("error: c.toml:2: training.warmup_ratioo: unknown key; did you mean `warmup_ratio`?"),
        "{}",
        ran.err
    );
    assert_eq!(ran.err.lines().count(), 1);
}

#[test]
fn check_reports_every_file_as_json() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("good.toml"), "[training]\nseed = 1\n").unwrap();
    std::fs::write(directory.path().join("bad.toml"), "training = 3\n").unwrap();
    let ran = run_in(directory.path(), &["config", "check", "--json", "good.toml", "bad.toml"], &[]);
    let outcomes: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &outcomes[0]["valid"], &outcomes[1]["valid"]), (1, &true.into(), &false.into()));
    assert_eq!(outcomes[1]["problems"][0], "bad.toml:1: training: found 3, expected a table");
}

#[test]
fn layers_go_over_each_other_and_show_reproduces_itself() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("base.toml"), "[training]\nseed = 1\nepochs = 2\n[data]\ntrain = \"t.jsonl\"\n")
        .unwrap();
    std::fs::write(directory.path().join("c.toml"), "extends = \"base.toml\"\n[training]\nepochs = 3\n").unwrap();
    let environment = [("SCALEDOWN_TRAINING__MAX_STEPS", "7")];
    let shown = run_in(directory.path(), &["config", "show", "c.toml", "--set", "training.max_grad_norm=2"], &environment);
    assert_eq!(shown.code, 0, "{}", shown.err);
    let table: toml::Table = toml::from_str(&shown.out).unwrap();
    let training = table["training"].as_table().unwrap();
    let value = |key: &str| training[key].to_string();
    assert_eq!([value("seed"), value("epochs"), value("max_steps"), value("max_grad_norm")], ["1", "3", "7", "2.0"]);

    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("resolved.toml"), &shown.out).unwrap();
    let again = run_in(elsewhere.path(), &["config", "show", "resolved.toml"], &[]);
    assert_eq!(again.out, shown.out);
}

#[test]
fn a_wrong_environment_variable_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("c.toml"), "").unwrap();
    let ran = run_in(directory.path(), &["config", "check", "c.toml"], &[("SCALEDOWN_TRAINING__SEED", "many")]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("environment variable SCALEDOWN_TRAINING__SEED: training.seed: found the string \"many\""),
        "{}",
        ran.err
    );
}

#[test]
fn the_schema_has_the_plugins_keys() {
    let schema: serde_json::Value = serde_json::from_str(&run(&["config", "schema"]).out).unwrap();
    let compressors = schema["properties"]["compressor"]["oneOf"].as_array().unwrap();
    let n_layers = compressors.iter().find(|option| option["properties"]["plugin"]["const"] == "n-layers").unwrap();
    assert_eq!(n_layers["properties"]["layers"]["minimum"], 1);
}

#[test]
fn the_built_in_plugins_are_listed() {
    let listed = run(&["plugin", "list"]).out;
    assert!(listed.lines().any(|line| line.starts_with("compressor  n-layers ")), "{listed}");
    let plugins: serde_json::Value = serde_json::from_str(&run(&["plugin", "list", "--json"]).out).unwrap();
    let names: Vec<&str> = plugins.as_array().unwrap().iter().map(|plugin| plugin["name"].as_str().unwrap()).collect();
    for name in ["cpu", "mistral", "n-layers", "modernbert"] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
}

#[test]
fn doctor_tells_of_this_machine() {
    let ran = run(&["doctor", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(found["processor"]["threads"].as_u64().unwrap() >= 1);
    assert!(found["devices"].as_array().unwrap().iter().any(|device| device["name"] == "cpu" && device["usable"] == true));
    assert!(run(&["doctor"]).out.contains("model cache"));
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = run(&["completions", shell]);
        assert!(ran.code == 0 && ran.out.contains("doctor"), "{shell}: {}", ran.err);
    }
}

#[test]
fn a_bad_record_is_reported_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let good = r#"{"query": "q", "documents": ["d"], "answer": "a"}"#;
    std::fs::write(directory.path().join("r.jsonl"), format!("{good}\n{{\"documents\": []}}\n")).unwrap();
    let ran = run_in(directory.path(), &["dataset", "check", "r.jsonl"], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("error: r.jsonl:2: "), "{}", ran.err);
}

#[test]
fn a_small_atlas_is_written_and_checks_out() {
    let directory = tempfile::tempdir().unwrap();
    let settings = "people = 120\nplaces = 120\nthings = 120\ntrain_records = 40\nvalidation_records = 8\ntest_records = 8\n\
                    [[pretraining]]\ndocuments = 1\nquestions = 2\ncontexts = 4\n";
    std::fs::write(directory.path().join("small.toml"), settings).unwrap();
    let ran = run_in(directory.path(), &["dataset", "atlas", "--out", "atlas", "--settings", "small.toml", "--json"], &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let checked = run_in(directory.path(), &["dataset", "check", "--json", "atlas/train.jsonl"], &[]);
    let summaries: serde_json::Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!((checked.code, &summaries[0]["summary"]["records"]), (0, &40.into()), "{}", checked.err);

    std::fs::write(directory.path().join("bad.toml"), "people = 120\nplace = 3\n").unwrap();
    let ran = run_in(directory.path(), &["dataset", "atlas", "--out", "atlas", "--settings", "bad.toml"], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("error: bad.toml:2: unknown field `place`"), "{}", ran.err);
}

#[test]
fn nothing_but_results_is_written_where_nobody_watches() {
    let Ran { code, err, .. } = run(&["config", "schema"]);
    assert_eq!((code, err.as_str()), (0, ""));
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::process::Stdio;
    for arguments in [["config", "schema"], ["completions", "bash"], ["plugin", "list"]] {
        let mut child = scaledown().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""), "{arguments:?}");
    }
}
