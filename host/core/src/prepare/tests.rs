use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
// Its schema says which of its keys are operational.
use scaledown_openai as _;
use serde_json::json;

use super::config::{Preparation, PreparationConfig};
use super::*;
use crate::data::questions::CorpusQuestion;
use crate::plugins::Component;
use crate::support::marks::each_changed;
use crate::support::progress::{Bar, Progress, Task};
use crate::text::config::Prompt;

/// The sections of a configuration that a preparation reads.
#[derive(Clone, Default)]
struct Sections {
    preparation: Preparation,
    prompt: Prompt,
    teacher: Option<Component>,
}

impl Sections {
    fn fingerprint(&self, shard: Shard, survey: &Survey, corpus: Option<String>) -> PreparationFingerprint {
        let Sections { preparation, prompt, teacher } = self;
        let teacher = teacher.as_ref();
        let config = PreparationConfig { preparation, prompt, retriever: None, reranker: None, teacher };
        PreparationFingerprint::new(&config, shard, survey, corpus)
    }
}

fn fingerprint(shard: Shard) -> PreparationFingerprint {
    let survey = Survey { questions: 4, all: 4, ..Survey::default() };
    Sections::default().fingerprint(shard, &survey, Some("crc32c:01".into()))
}

fn ranked(block: u64) -> JournalEntry {
    let found = |n: u64| Ranked::Found { ids: vec![format!("d{n}"), "ü#1".into()], scores: Some(vec![0.1, -2.5]) };
    JournalEntry::Ranked { block, questions: vec![found(block), Ranked::Skipped { reason: "no\nluck".into() }] }
}

fn answered(block: u64) -> JournalEntry {
    JournalEntry::Answered {
        block,
        answers: vec![(1, TeacherAnswer::Answer(format!("a{block}"))), (0, TeacherAnswer::Skipped("no\nluck".into()))],
    }
}

fn journal(directory: &Path, entries: &[JournalEntry]) -> std::path::PathBuf {
    let path = directory.join("journal");
    let mut journal = Journal::claim(&path).unwrap().begin(&fingerprint(Shard::default())).unwrap();
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
    assert!(recorded.is_answered(0, 2) && recorded.is_answered(7, 2) && !recorded.is_answered(1, 2));
    assert!(!recorded.is_answered(7, 3), "one of three is missing");
    assert_eq!(JournalEntry::Ranked { block: 7, questions: recorded.ranked(7).unwrap().unwrap() }, ranked(7));
    let JournalEntry::Answered { answers, .. } = answered(0) else { unreachable!() };
    assert_eq!(recorded.answered(0).unwrap(), answers.into_iter().collect());
    assert!(recorded.answered(1).unwrap().is_empty());
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
    let first = Journal::claim(&path).unwrap().begin(&fingerprint(Shard::default())).unwrap();
    assert!(Journal::open(&path).unwrap_err().to_string().contains("locked by another run"));
    assert!(Journal::claim(&path).unwrap_err().to_string().contains("locked by another run"), "nor does one that starts over");
    drop(first);
    assert!(Journal::open(&path).unwrap().is_some());
}

#[test]
fn a_journal_whose_first_line_is_damaged_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    std::fs::write(&path, "garbage\n").unwrap();
    let reported = Journal::open(&path).unwrap_err().to_string();
    assert!(reported.contains("journal") && reported.contains('1'), "{reported}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "garbage\n", "it stays as it is");
    std::fs::write(&path, "0123 {\"vers").unwrap();
    assert!(Journal::open(&path).unwrap().is_none(), "a run that was stopped as it began");
}

#[test]
fn a_journal_of_another_format_is_no_damaged_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let line = r#"{"version":1,"questions":4}"#;
    std::fs::write(&path, format!("{:08x} {line}\n", crc32c::crc32c(line.as_bytes()))).unwrap();
    let reported = Journal::open(&path).unwrap_err().to_string();
    assert!(reported.contains("journal format 1") && reported.contains("expected 2"), "{reported}");
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
}

#[test]
fn what_records_depend_on_may_not_change() {
    let survey = Survey { questions: 4, all: 4, ..Survey::default() };
    let place = Path::new("run/journal");
    let config = || {
        let teacher = serde_json::from_value(json!({"plugin": "openai", "model": "m", "timeout": 5})).unwrap();
        Sections { teacher, ..Sections::default() }
    };
    let with = |change: fn(&mut Sections)| {
        let mut config = config();
        change(&mut config);
        config.fingerprint(Shard::default(), &survey, None)
    };
    let first = with(|_| {});
    assert_eq!(first.check(&with(|_| {}), place).unwrap(), Vec::<String>::new());
    let reported = first.check(&with(|config| config.preparation.keep = 3), place).unwrap_err().to_string();
    assert!(reported.contains("preparation.keep was 5 and is 3"), "{reported}");
    let teacher = |config: &mut Sections, key: &str, value: serde_json::Value| {
        config.teacher.as_mut().unwrap().options.insert(key.into(), value);
    };
    let reported = first.check(&with(|config| config.teacher = None), place).unwrap_err().to_string();
    assert!(reported.contains("teacher.plugin was \"openai\" and is \"none\""), "{reported}");
    let changed = with(|config| {
        let options = &mut config.teacher.as_mut().unwrap().options;
        options.insert("timeout".into(), json!(60));
    });
    assert_eq!(first.check(&changed, place).unwrap(), ["teacher.timeout was 5 and is 60"]);
    let mut other = config();
    teacher(&mut other, "model", json!("other"));
    let other = other.fingerprint(Shard::default(), &survey, None);
    assert!(first.check(&other, place).is_err());
    assert!(!first.fits(&other), "the answers of two models are not one run's");
    assert!(first.fits(&changed));
    let shorter = with(|config| {
        config.teacher.as_mut().unwrap().options.insert("max_new_tokens".into(), json!(7));
    });
    let reported = first.check(&shorter, place).unwrap_err().to_string();
    assert!(reported.contains("teacher.max_new_tokens was not set and is 7"), "{reported}");
    assert!(!first.fits(&shorter), "answers of two lengths are not one run's");
}

#[test]
fn every_key_that_is_not_marked_is_refused() {
    let (survey, place) = (Survey::default(), Path::new("run/journal"));
    let before = Sections::default();
    let first = before.fingerprint(Shard::default(), &survey, None);
    for (key, [operational, _], preparation) in each_changed(&before.preparation) {
        let now = Sections { preparation, ..before.clone() }.fingerprint(Shard::default(), &survey, None);
        assert_eq!(first.check(&now, place).is_ok(), operational, "preparation.{key}");
    }
    for (key, [operational, _], prompt) in each_changed(&before.prompt) {
        let now = Sections { prompt, ..before.clone() }.fingerprint(Shard::default(), &survey, None);
        assert_eq!(first.check(&now, place).is_ok(), operational, "prompt.{key}");
    }
}

#[test]
fn shards_are_read() {
    assert_eq!("3/8".parse(), Ok(Shard { index: 3, of: 8 }));
    for wrong in ["8/8", "1", "a/b", "0/0", "-1/2", ""] {
        assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
    }
}

/// Writes a shard of a run over `questions` answered questions in blocks of `size`, to its own
/// directory.
fn write_shard(root: &Path, questions: usize, size: usize, shard: Shard) -> std::path::PathBuf {
    let directory = root.join(format!("shard-{}", shard.index));
    std::fs::create_dir_all(&directory).unwrap();
    let question = |n: usize| CorpusQuestion {
        id: format!("q{n}"),
        query: "?".into(),
        documents: vec!["d".into()],
        ..CorpusQuestion::default()
    };
    let all: Vec<CorpusQuestion> = (0..questions).map(question).collect();
    let blocks = || {
        let numbered = (0_u64..).zip(all.chunks(size)).filter(|(number, _)| shard.has(*number));
        numbered.map(|(number, questions)| Ok(Block { number, questions: questions.to_vec() }))
    };
    let fingerprint = fingerprint(shard);
    let mut journal = Journal::claim(&directory.join("journal")).unwrap().begin(&fingerprint).unwrap();
    for block in blocks().map(crate::Result::unwrap) {
        let (number, count) = (block.number, block.questions.len());
        let given = Ranked::Given { places: vec![0], scores: None };
        journal.append(&JournalEntry::Ranked { block: number, questions: vec![given; count] }).unwrap();
        // Every third question has no answer.
        let answer = |question: &CorpusQuestion| match question.id[1..].parse::<usize>().unwrap() % 3 {
            2 => TeacherAnswer::Skipped("no".into()),
            n => TeacherAnswer::Answer(n.to_string()),
        };
        journal
            .append(&JournalEntry::Answered { block: number, answers: block.questions.iter().map(answer).enumerate().collect() })
            .unwrap();
    }
    let mut counts = Counts::default();
    let (records_per_block, checksum) =
        write(&directory.join(RECORDS), blocks(), &journal.recorded().unwrap(), None, &mut counts).unwrap();
    assert_eq!(counts.records as usize, records_per_block.iter().sum::<usize>());
    let (scaledown, config, revisions) = ("0".into(), json!({}), serde_json::Map::new());
    let sidecar = Sidecar { scaledown, fingerprint, config, revisions, counts, records_per_block, checksum };
    sidecar.write(&directory.join(Sidecar::NAME)).unwrap();
    directory
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn merged_shares_are_the_whole(questions in 1_usize..40, size in 1_usize..7, of in 1_u64..5) {
        let root = tempfile::tempdir().unwrap();
        let whole = write_shard(&root.path().join("whole"), questions, size, Shard::default());
        let shards: Vec<_> = (0..of).map(|index| write_shard(root.path(), questions, size, Shard { index, of })).collect();
        let out = root.path().join("merged.jsonl");
        let merged = merge(&shards, &out).unwrap();
        prop_assert_eq!(merged.shards as u64, of);
        prop_assert_eq!(std::fs::read(out).unwrap(), std::fs::read(whole.join(RECORDS)).unwrap());
        let described: serde_json::Value = serde_json::from_slice(&std::fs::read(root.path().join("merged.json")).unwrap()).unwrap();
        prop_assert_eq!(described, serde_json::to_value(Sidecar::read(&whole).unwrap()).unwrap());
    }
}

#[test]
fn shares_that_do_not_fit_are_not_merged() {
    let root = tempfile::tempdir().unwrap();
    let shard = |index| write_shard(root.path(), 10, 2, Shard { index, of: 3 });
    let all = [shard(0), shard(1), shard(2)];
    let out = root.path().join("merged.jsonl");
    let reported = |shards: &[std::path::PathBuf]| merge(shards, &out).unwrap_err().sentence();
    assert!(reported(&all[..2]).contains("missing shards (of 3): 2/3"), "{}", reported(&all[..2]));
    let twice = [all[0].clone(), all[0].clone()];
    assert!(reported(&twice).contains("duplicate shard 0/3: the same as"), "{}", reported(&twice));
    let other = write_shard(&root.path().join("other"), 10, 2, Shard { index: 0, of: 2 });
    let mixed = [all[1].clone(), other];
    assert!(reported(&mixed).contains("another run"), "{}", reported(&mixed));
    let records = all[2].join(RECORDS);
    let changed = std::fs::read_to_string(&records).unwrap().replace("\"answer\":\"", "\"answer\":\"x");
    std::fs::write(&records, changed).unwrap();
    assert!(reported(&all).contains("changed after it was written"), "{}", reported(&all));
    assert!(!out.exists(), "nothing is left of a merge that failed");
    let described = root.path().join("merged.json");
    std::fs::write(&described, "{\"mine\": 1}").unwrap();
    assert!(reported(&all).contains("not a description of records"), "{}", reported(&all));
    assert_eq!(std::fs::read_to_string(&described).unwrap(), "{\"mine\": 1}", "the other file stays");
    std::fs::remove_file(described).unwrap();
    let own = merge(&all, &all[1].join(RECORDS)).unwrap_err().sentence();
    assert!(own.contains("is a file of this shard"), "{own}");
}

#[test]
fn reasons_are_counted() {
    let root = tempfile::tempdir().unwrap();
    let directory = write_shard(root.path(), 9, 4, Shard::default());
    let counts = Sidecar::read(&directory).unwrap().counts;
    assert_eq!(counts, Counts { records: 6, skipped: BTreeMap::from([("no".into(), 3)]), malformed: 0 });
}

/// Counts what it is asked, and answers with the query.
#[derive(Default)]
struct Echo {
    asked: std::sync::Mutex<Vec<String>>,
}

impl scaledown_sdk::component::Teacher for Echo {
    fn answer(&self, questions: &[scaledown_sdk::component::Question<'_>]) -> scaledown_sdk::Result<Vec<String>> {
        let queries = questions.iter().map(|question| question.query.to_owned());
        self.asked.lock().unwrap().extend(queries.clone());
        Ok(queries.collect())
    }

    fn batch_size(&self) -> usize {
        2
    }
}

/// Stops a run after this many answers.
struct After(Arc<AtomicU64>, u64);

impl Progress for After {
    fn start(&self, task: &Task<'_>) -> Box<dyn Bar> {
        Box::new(Answers((task.title == "answer").then(|| Arc::clone(&self.0))))
    }

    fn note(&self, _: &str) {}

    fn warn(&self, _: &str) {}

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= self.1
    }
}

/// Counts the answers, where it is of their stage.
struct Answers(Option<Arc<AtomicU64>>);

impl Bar for Answers {
    fn set(&self, _: u64) {}

    fn add(&self, steps: u64) {
        if let Some(count) = &self.0 {
            count.fetch_add(steps, Ordering::SeqCst);
        }
    }

    fn say(&self, _: &str) {}
}

#[test]
fn answers_are_recorded_as_they_come() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    // The third has no documents, and nothing finds some.
    let question = |n: usize| CorpusQuestion {
        id: n.to_string(),
        query: format!("q{n}"),
        documents: if n == 2 { Vec::new() } else { vec!["d".into()] },
        ..CorpusQuestion::default()
    };
    let blocks = || std::iter::once(Ok(Block { number: 0, questions: (0..7).map(question).collect() }));
    let config = Sections::default();
    let run = |journal: &mut Journal, most: u64| {
        let teacher = Echo::default();
        let pipeline =
            Pipeline { index: None, reranker: None, teacher: &teacher, prompt: &config.prompt, config: &config.preparation };
        pipeline.run(blocks(), journal, 7, &After(Arc::default(), most)).unwrap();
        teacher.asked.into_inner().unwrap()
    };
    let mut journal = Journal::claim(&path).unwrap().begin(&fingerprint(Shard::default())).unwrap();
    // The one that is left out, and one batch.
    assert_eq!(run(&mut journal, 3), ["q0", "q1"]);
    let recorded = journal.recorded().unwrap();
    assert!(!recorded.is_answered(0, 7));
    assert_eq!(recorded.answered(0).unwrap().keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
    drop(journal);
    let (mut journal, _) = Journal::open(&path).unwrap().unwrap();
    assert_eq!(run(&mut journal, u64::MAX), ["q3", "q4", "q5", "q6"], "only what is missing");
    let recorded = journal.recorded().unwrap();
    assert!(recorded.is_answered(0, 7));
    let answers = recorded.answered(0).unwrap();
    assert_eq!(answers[&4], TeacherAnswer::Answer("q4".into()));
    assert!(matches!(&answers[&2], TeacherAnswer::Skipped(reason) if reason.contains("no [retriever]")));
    assert_eq!(run(&mut journal, u64::MAX), Vec::<String>::new());
}
