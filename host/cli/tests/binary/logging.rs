//! Output beside results: log lines, warnings and notes.

use crate::tiny::{Tiny, train};

const ESCAPE: char = '\u{1b}';

#[test]
fn the_log_shows_the_phases_of_a_run() {
    let tiny = Tiny::new();
    let settings = ["training.max_steps=2", "training.checkpoint_every=1", "training.schedule=constant"];
    let logged = |arguments: &[String], filter: &str| {
        let output = tiny.command(arguments).env("RUST_LOG", filter).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{err}");
        assert!(!err.contains(ESCAPE), "colours without a terminal: {err}");
        err
    };
    let has = |log: &str, parts: &[&str]| {
        let lines = parts
            .iter()
            .map(|part| log.lines().position(|line| line.contains(part)).unwrap_or_else(|| panic!("no `{part}` in {log}")));
        lines.collect::<Vec<_>>()
    };
    let log = logged(&train("run", &settings), "scaledown=info");
    let places = has(
        &log,
        &[
            "configuration resolved",
            "records read",
            "device opened",
            "generator loaded",
            "compressor loaded",
            "checkpoint written",
            "model written",
        ],
    );
    assert!(places.is_sorted(), "{log}");
    let loaded = log.lines().find(|line| line.contains("generator loaded")).unwrap();
    has(loaded, &["parameters=", "trainable=", "dtype=", "seconds="]);
    has(log.lines().find(|line| line.contains("device opened")).unwrap(), &["device=\"cpu\"", "threads="]);
    assert!(!log.contains("gradient_norm="), "steps are for debugging: {log}");

    let log = logged(&train("run", &[&settings[..], &["--resume", "training.max_steps=3"]].concat()), "scaledown=debug");
    has(&log, &["training resumed", "gradient_norm=", "layer of the configuration"]);

    let evaluate = ["evaluate", "tiny.toml", "--set", "data.train_limit=2"].map(str::to_owned);
    let log = logged(&evaluate, "scaledown=info");
    let places = has(&log, &["reading=\"full documents\"", "reading=\"after training\"", "report written"]);
    assert!(places.is_sorted(), "{log}");
}

#[test]
fn nothing_but_results_is_said_where_nobody_watches() {
    let tiny = Tiny::new();
    let ended = tiny.run(&train("run", &["training.max_steps=1"]));
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let message = ended.out;
    assert!(message.ends_with('\n') && message.lines().count() == 1, "{message:?}");
    assert!(tiny.done(&["evaluate", "tiny.toml"]).ends_with("report.html\n"));
}

#[test]
fn warnings_are_said_unless_quiet() {
    let tiny = Tiny::new();
    tiny.train("run", &["training.max_steps=1"]);
    tiny.write("three.txt", "The first.\nThe second.\nThe third.\n");
    let answer = ["answer", "tiny.toml", "--query", "Which?", "--documents", "three.txt"];
    let ended = tiny.run(&answer);
    let warning = "warning: used the first 2 of 3 documents (evaluation.documents)\n";
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), warning));
    assert!(ended.out.ends_with(" ms\n"), "{:?}", ended.out);
    let ended = tiny.run(&[&answer[..], &["--quiet"]].concat());
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
}

/// A terminal is made by `script`, which most systems have.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_colours_unless_no_color_says_otherwise() {
    let tiny = Tiny::new();
    let seen = |no_color: &str| {
        let line = format!("{} config show tiny.toml --json", env!("CARGO_BIN_EXE_scaledown"));
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(tiny.path(".")).env("RUST_LOG", "scaledown=info");
        let output = script.env("NO_COLOR", no_color).stdin(std::process::Stdio::null()).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (Some(coloured), Some(plain)) = (seen(""), seen("1")) else {
        eprintln!("skipped: there is no `script` to make a terminal with");
        return;
    };
    assert!(coloured.contains("configuration resolved") && coloured.contains(ESCAPE), "{coloured:?}");
    assert!(plain.contains("configuration resolved") && !plain.contains(ESCAPE), "{plain:?}");
}
