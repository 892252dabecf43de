//! Trainings that meet in one output directory.

use crate::tiny::{ENDLESS, Tiny, finish, poll, start, train, with};

/// A training that ends when it is killed.
const LONG: [&str; 3] = [ENDLESS[0], ENDLESS[1], "training.max_steps=1000000"];

/// The refusal of a second training in a directory.
fn refusal(tiny: &Tiny, directory: &str) -> String {
    let message =
        "locked by another training run; wait for it to end, or choose another directory (`--set output.directory=DIR`)";
    format!("{}: {message}", tiny.path(directory).display())
}

#[test]
fn a_training_keeps_others_out_of_its_directory_until_it_ends_or_is_killed() {
    let tiny = Tiny::new();
    tiny.train("other", &["training.max_steps=1"]);
    let mut first = start(&mut tiny.command(&train("run", &LONG)));
    // So early that nothing can be written but the lock, and later.
    assert!(poll(|| tiny.path("run/LOCK").exists()), "there is no lock");
    assert_eq!(tiny.failed(&train("run", &ENDLESS), 1), refusal(&tiny, "run"));
    assert!(poll(|| tiny.checkpoints("run").last().is_some_and(|step| *step >= 4)), "the training stands still");
    let directory = ["--set", "output.directory=run"];
    for command in [
        vec!["train", "tiny.toml"],
        vec!["train", "tiny.toml", "--resume"],
        vec!["pretrain", "base.toml"],
        vec!["pretrain", "tiny.toml", "--resume", "--set", "pretraining.kind=auto-encoding"],
        vec!["quickstart", "tiny.toml"],
        vec!["quickstart", "tiny.toml", "--overwrite"],
        vec!["evaluate", "tiny.toml", "--model", "other/model"],
    ] {
        assert_eq!(tiny.failed(&[&command[..], &directory].concat(), 1), refusal(&tiny, "run"), "{command:?}");
    }
    let step = tiny.curve("run").len();
    assert!(poll(|| tiny.curve("run").len() > step), "the refused ones have stopped the first");
    assert_eq!(tiny.curve("run")[0].step, 1, "the refused ones have cut its log");
    first.kill().unwrap();
    finish(first);
    // A killed process holds no lock.
    let steps = format!("training.max_steps={}", tiny.curve("run").len() + 2);
    tiny.train("run", &with(&ENDLESS, &[&steps, "--resume"]));
}

#[test]
fn a_quickstart_keeps_others_out_from_its_first_stage_on() {
    let tiny = Tiny::new();
    let quickstart = ["quickstart", "tiny.toml", "--set", "output.directory=run", "--set", "training.max_steps=1000000"];
    let mut first = start(&mut tiny.command(&quickstart));
    assert!(poll(|| tiny.path("run/LOCK").exists()), "there is no lock");
    assert_eq!(tiny.failed(&train("run", &ENDLESS), 1), refusal(&tiny, "run"));
    assert_eq!(tiny.failed(&quickstart, 1), refusal(&tiny, "run"));
    assert!(first.try_wait().unwrap().is_none(), "the first has ended too early to tell");
    first.kill().unwrap();
    finish(first);
}
