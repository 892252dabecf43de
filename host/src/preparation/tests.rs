use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::Config;
use crate::questions::Question;

fn fingerprint(shard: Shard) -> Fingerprint {
    let survey = Survey { questions: 4, all: 4, ..Survey::default() };
    Fingerprint::new(&Config::default(), shard, &survey, Some("crc32c:01".into()))
}

fn ranked(block: u64) -> Entry {
    let found = |n: u64| Ranked::Found { ids: vec![format!("d{n}"), "ü#1".into()], scores: Some(vec![0.1, -2.5]) };
    Entry::Ranked { block, questions: vec![found(block), Ranked::Skipped { reason: "no\nluck".into() }] }
}

fn answered(block: u64) -> Entry {
    Entry::Answered { block, questions: vec![Answered::Answer(format!("a{block}")), Answered::Skipped("no\nluck".into())] }
}

fn journal(directory: &Path, entries: &[Entry]) -> std::path::PathBuf {
    let path = directory.join("journal");
    let mut journal = Journal::create(&path, &fingerprint(Shard::default())).unwrap();
    entries.iter().for_each(|entry| journal.append(entry).unwrap());
    path
}

#[test]
fn a_journal_gives_back_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = journal(directory.path(), &[ranked(0), ranked(7), answered(7)]);
    let (mut journal, found) = Journal::open(&path).unwrap().unwrap();
    assert_eq!(found, fingerprint(Shard::default()));
    journal.append(&answered(0)).unwrap();
    let recorded = journal.recorded().unwrap();
    assert!(recorded.is_answered(0) && recorded.is_answered(7) && !recorded.is_answered(1));
    assert_eq!(Entry::Ranked { block: 7, questions: recorded.ranked(7).unwrap().unwrap() }, ranked(7));
    assert_eq!(Entry::Answered { block: 0, questions: recorded.answered(0).unwrap().unwrap() }, answered(0));
    assert_eq!(recorded.ranked(3).unwrap(), None);
}

#[test]
fn a_journal_that_was_cut_anywhere_keeps_what_was_whole_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let entries = [ranked(0), answered(0), ranked(1)];
    let path = journal(directory.path(), &entries);
    let whole = std::fs::read(&path).unwrap();
    let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let lines = ends.iter().filter(|end| **end <= length).count();
        let Some((mut journal, _)) = Journal::open(&path).unwrap() else {
            assert_eq!(lines, 0);
            continue;
        };
        entries[lines - 1..].iter().for_each(|entry| journal.append(entry).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {length}");
    }
}

#[test]
fn two_runs_do_not_write_one_journal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let first = Journal::create(&path, &fingerprint(Shard::default())).unwrap();
    assert!(Journal::open(&path).unwrap_err().to_string().contains("another run is writing it"));
    drop(first);
    assert!(Journal::open(&path).unwrap().is_some());
}

#[test]
fn a_journal_that_was_changed_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = journal(directory.path(), &[ranked(0), answered(0)]);
    let mut bytes = std::fs::read(&path).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 30;
    bytes[second] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let message = Journal::open(&path).unwrap_err().to_string();
    assert!(message.contains("journal:2: the journal is damaged"), "{message}");
    assert!(Journal::create(&path, &fingerprint(Shard::default())).is_err(), "what is there is not written over");
}

#[test]
fn what_records_depend_on_may_not_change() {
    let survey = Survey { questions: 4, all: 4, ..Survey::default() };
    let place = Path::new("run/journal");
    let config = || {
        let teacher = serde_json::from_value(json!({"plugin": "openai", "model": "m", "timeout": 5})).unwrap();
        Config { teacher, ..Config::default() }
    };
    let with = |change: fn(&mut Config)| {
        let mut config = config();
        change(&mut config);
        Fingerprint::new(&config, Shard::default(), &survey, None)
    };
    let first = with(|_| {});
    assert_eq!(first.check(&with(|_| {}), place).unwrap(), Vec::<String>::new());
    let told = first.check(&with(|config| config.preparation.keep = 3), place).unwrap_err().to_string();
    assert!(told.contains("preparation.keep was 5 and is 3"), "{told}");
    let teacher = |config: &mut Config, key: &str, value: serde_json::Value| {
        config.teacher.as_mut().unwrap().options.insert(key.into(), value);
    };
    let told = first.check(&with(|config| config.teacher = None), place).unwrap_err().to_string();
    assert!(told.contains("teacher.plugin was \"openai\" and is \"none\""), "{told}");
    let changed = with(|config| {
        let options = &mut config.teacher.as_mut().unwrap().options;
        options.insert("timeout".into(), json!(60));
    });
    assert_eq!(first.check(&changed, place).unwrap(), ["teacher.timeout was 5 and is 60"]);
    let mut other = config();
    teacher(&mut other, "model", json!("other"));
    let other = Fingerprint::new(&other, Shard::default(), &survey, None);
    assert!(first.check(&other, place).is_err());
    assert!(!first.fits(&other), "the answers of two models are not one run's");
    assert!(first.fits(&changed));
}

#[test]
fn shards_are_read() {
    assert_eq!("3/8".parse(), Ok(Shard { index: 3, of: 8 }));
    for wrong in ["8/8", "1", "a/b", "0/0", "-1/2", ""] {
        assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
    }
}

/// Writes the share of a run over `questions` questions in blocks of `size` that were recorded as answered, into a directory of its own.
fn share(root: &Path, questions: usize, size: usize, shard: Shard) -> std::path::PathBuf {
    let directory = root.join(format!("shard-{}", shard.index));
    std::fs::create_dir_all(&directory).unwrap();
    let question =
        |n: usize| Question { id: format!("q{n}"), query: "?".into(), documents: vec!["d".into()], ..Question::default() };
    let all: Vec<Question> = (0..questions).map(question).collect();
    let blocks = || {
        let numbered = (0_u64..).zip(all.chunks(size)).filter(|(number, _)| shard.has(*number));
        numbered.map(|(number, questions)| Ok(Block { number, questions: questions.to_vec() }))
    };
    let fingerprint = fingerprint(shard);
    let mut journal = Journal::create(&directory.join("journal"), &fingerprint).unwrap();
    for block in blocks().map(crate::Result::unwrap) {
        let (number, count) = (block.number, block.questions.len());
        let given = Ranked::Given { places: vec![0], scores: None };
        journal.append(&Entry::Ranked { block: number, questions: vec![given; count] }).unwrap();
        // Every third question has no answer.
        let answer = |question: &Question| match question.id[1..].parse::<usize>().unwrap() % 3 {
            2 => Answered::Skipped("no".into()),
            n => Answered::Answer(n.to_string()),
        };
        journal.append(&Entry::Answered { block: number, questions: block.questions.iter().map(answer).collect() }).unwrap();
    }
    let mut counts = Counts::default();
    let (records_per_block, checksum) =
        write(&directory.join(RECORDS), blocks(), &journal.recorded().unwrap(), None, &mut counts).unwrap();
    assert_eq!(counts.records as usize, records_per_block.iter().sum::<usize>());
    let (scaledown, config, revisions) = ("0".into(), json!({}), serde_json::Map::new());
    let sidecar = Sidecar { scaledown, fingerprint, config, revisions, counts, records_per_block, checksum };
    sidecar.write(&directory).unwrap();
    directory
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn merged_shares_are_the_whole(questions in 1_usize..40, size in 1_usize..7, of in 1_u64..5) {
        let root = tempfile::tempdir().unwrap();
        let whole = share(&root.path().join("whole"), questions, size, Shard::default());
        let shares: Vec<_> = (0..of).map(|index| share(root.path(), questions, size, Shard { index, of })).collect();
        let out = root.path().join("merged.jsonl");
        let merged = merge(&shares, &out).unwrap();
        prop_assert_eq!(merged.shards as u64, of);
        prop_assert_eq!(std::fs::read(out).unwrap(), std::fs::read(whole.join(RECORDS)).unwrap());
    }
}

#[test]
fn shares_that_do_not_fit_are_not_merged() {
    let root = tempfile::tempdir().unwrap();
    let shard = |index| share(root.path(), 10, 2, Shard { index, of: 3 });
    let all = [shard(0), shard(1), shard(2)];
    let out = root.path().join("merged.jsonl");
    let told = |shards: &[std::path::PathBuf]| merge(shards, &out).unwrap_err().sentence();
    assert!(told(&all[..2]).contains("these are missing: 2/3"), "{}", told(&all[..2]));
    let twice = [all[0].clone(), all[0].clone()];
    assert!(told(&twice).contains("it is shard 0/3, and so is"), "{}", told(&twice));
    let other = share(&root.path().join("other"), 10, 2, Shard { index: 0, of: 2 });
    let mixed = [all[1].clone(), other];
    assert!(told(&mixed).contains("of another run"), "{}", told(&mixed));
    let records = all[2].join(RECORDS);
    let changed = std::fs::read_to_string(&records).unwrap().replace("\"answer\":\"", "\"answer\":\"x");
    std::fs::write(&records, changed).unwrap();
    assert!(told(&all).contains("changed since it was written"), "{}", told(&all));
    assert!(!out.exists(), "nothing is left of a merge that failed");
}

#[test]
fn reasons_are_counted() {
    let root = tempfile::tempdir().unwrap();
    let directory = share(root.path(), 9, 4, Shard::default());
    let counts = Sidecar::read(&directory).unwrap().counts;
    assert_eq!(counts, Counts { records: 6, skipped: BTreeMap::from([("no".into(), 3)]), malformed: 0 });
}
