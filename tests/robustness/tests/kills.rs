//! Kills at any moment of every command that writes: repeated, it gives what one gives that nothing
//! has disturbed.
#![cfg(unix)]

use std::time::{Duration, Instant};

use scaledown_robustness::{Place, Random, TRAIN, setting};

/// A command, how it is repeated once it has begun, and what it writes.
struct Write<'a> {
    begin: &'a [&'a str],
    again: &'a [&'a str],
    /// The file that exists once it can be repeated with `again`.
    begun: &'a str,
    directory: &'a str,
}

/// Kills a command again and again, at moments of its whole length, until it ends; then compares
/// what it wrote with what it writes undisturbed, but for what `is_moment` says of a time or a
/// place.
fn kill(place: &Place, Write { begin, again, begun, directory }: Write<'_>, is_moment: fn(&str) -> bool) {
    let written = |place: &Place| {
        let mut files = place.files(directory);
        files.retain(|(name, _)| !is_moment(name));
        files
    };
    let before = place.files(directory);
    let began = Instant::now();
    place.done(begin);
    let length = began.elapsed();
    let undisturbed = written(place);
    let mut random = Random::new(setting("ROBUSTNESS_SEED", 1), begin[0]);
    let (mut kills, wanted) = (0, setting("ROBUSTNESS_KILLS", 3));
    while kills < wanted {
        place.remove(directory);
        before.iter().for_each(|(name, content)| place.write(format!("{directory}/{name}"), content));
        loop {
            let command = if place.path(directory).join(begun).exists() { again } else { begin };
            let mut child = place.start(command);
            // At any moment, but not before the last kill's, so that there is an end to it.
            std::thread::sleep(Duration::from_micros(random.below(length.as_micros() as usize * 5 / 4) as u64));
            let _ = child.kill();
            if child.wait().expect("a status").success() {
                break;
            }
            let message = String::from_utf8_lossy(&place.read("err")).into_owned();
            assert!(!message.contains("error"), "after {kills} kills, {command:?}: {message}");
            kills += 1;
            if kills >= wanted {
                let command = if place.path(directory).join(begun).exists() { again } else { begin };
                place.done(command);
                break;
            }
        }
        let (now, names) =
            (written(place), |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        assert_eq!(names(&now), names(&undisturbed), "after {kills} kills of {begin:?}");
        for ((name, content), (_, expected)) in now.iter().zip(&undisturbed) {
            assert!(content == expected, "{name} differs after {kills} kills of {begin:?}");
        }
    }
    println!("{}: {kills} kills", begin[..2].join(" "));
}

/// Logs have times, and a lock's file may or may not be there.
fn is_log(name: &str) -> bool {
    name.contains("metrics")
        || name.contains("tensorboard")
        || name.contains("training.json")
        || name == "LOCK"
        || name == "config.toml"
}

#[test]
fn trainings() {
    let place = Place::with_data();
    let again = [&TRAIN[..], &["--resume"]].concat();
    kill(&place, Write { begin: &TRAIN, again: &again, begun: "checkpoints/step-00000002", directory: "run" }, is_log);
    let begin = ["pretrain", "base.toml", "--set", "output.directory=base"];
    let again = [&begin[..], &["--resume"]].concat();
    kill(&place, Write { begin: &begin, again: &again, begun: "checkpoints/step-00000002", directory: "base" }, is_log);
}

#[test]
fn preparations() {
    let place = Place::with_data();
    place.done(&["index", "build", "index.toml"]);
    let (begin, again) = (["prepare", "index.toml"], ["prepare", "index.toml", "--resume"]);
    let is_moment = |name: &str| is_log(name) || name.ends_with("records.json");
    kill(&place, Write { begin: &begin, again: &again, begun: "journal", directory: "prepared" }, is_moment);
}

#[test]
fn indexes() {
    let place = Place::with_data();
    let search = ["index", "search", "index.toml", "--query", "the home", "--json"];
    let build = ["index", "build", "index.toml"];
    let again = [&build[..], &["--overwrite"]].concat();
    // The library's files have names that are drawn; what is found is compared below.
    kill(&place, Write { begin: &build, again: &again, begun: "index.json", directory: "index" }, |_| true);
    place.remove("index");
    place.done(&build);
    let (before, sound) = (place.files("index"), place.done(&search));
    place.write("more.jsonl", "{\"id\": \"new\", \"text\": \"the home of copper\"}\n");
    let add = ["index", "add", "index.toml", "--set", "corpus.path=more.jsonl"];
    let began = Instant::now();
    place.done(&add);
    let (length, after) = (began.elapsed(), place.done(&search));
    assert!(sound != after, "the addition is not found");
    let mut random = Random::new(setting("ROBUSTNESS_SEED", 1), "add");
    for number in 0..setting("ROBUSTNESS_KILLS", 3) {
        place.remove("index");
        before.iter().for_each(|(name, content)| place.write(format!("index/{name}"), content));
        let mut child = place.start(&add);
        std::thread::sleep(Duration::from_micros(random.below(length.as_micros() as usize * 5 / 4) as u64));
        let _ = child.kill();
        let _ = child.wait();
        let found = place.done(&search);
        assert!(found == sound || found == after, "kill {number}: the index is neither the old nor the new one");
        place.done(&add);
        assert!(place.done(&search) == after, "kill {number}: the addition that was repeated is another");
    }
}

#[test]
fn compressions() {
    let place = Place::with_data();
    let model = ["--set", "compression.query=false"];
    place.done(&[&TRAIN[..], &model].concat());
    let begin = [&["compress", "tiny.toml", "--records", "train.jsonl", "--out", "vectors"][..], &model].concat();
    kill(&place, Write { begin: &begin, again: &begin, begun: "index.json", directory: "vectors" }, |_| false);
}

/// Two runs, each of which trains and evaluates.
const SWEEP: &str = r#"extends = "tiny.toml"
[evaluation]
examples = 1
[output]
directory = "swept"
[sweep]
"training.seed" = [1, 2]
"#;

#[test]
fn sweeps() {
    let place = Place::with_data();
    place.write("sweep.toml", SWEEP);
    let begin = ["sweep", "sweep.toml"];
    // Reports have times.
    let is_moment = |name: &str| !(name.contains("/model/") || name.ends_with("answers.jsonl")) || is_log(name);
    kill(&place, Write { begin: &begin, again: &begin, begun: "configs", directory: "swept" }, is_moment);
}
