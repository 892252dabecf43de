//! The suite of teachers.

use std::cell::Cell;
use std::path::Path;

use scaledown_sdk::component::{ChatTokenizer, Question, Teacher, TeacherContext};
use scaledown_sdk::{Device, Error, Result};
use serde_json::{Value, json};

use crate::report::{CheckFailure, Checked, ConformanceReport, answered, ensure};

/// Opens the tokenizer of a model's directory.
pub type TokenizerOpener = fn(&Path) -> Result<Box<dyn ChatTokenizer>>;

/// The key by which the teachers that have one limit an answer's tokens.
const LIMIT: &str = "max_new_tokens";

const MESSAGES: [&str; 6] = [
    "Who built the tower?",
    "The river is long. The bridge is of stone, and the king built it.\n\nWhere is the bridge?",
    "When?",
    "The old city is in the north.\nThe king was born in it.\nIts towers are of stone.\n\nWhere was the king born?",
    "How long is the river of the north?",
    "What is the city made of?",
];

/// The subject of the checks.
pub struct TeacherSubject<'a> {
    /// Its name in the report.
    pub name: String,
    /// Makes the teacher of some keys.
    pub build: &'a dyn Fn(Value, TeacherContext) -> Result<Box<dyn Teacher>>,
    /// The plugin's keys.
    pub keys: Value,
    /// The schema of the plugin's keys.
    pub schema: Value,
    /// The device to make it on.
    pub device: Device,
    /// Opens the tokenizer of a model's directory.
    pub tokenizer: TokenizerOpener,
}

/// Runs the suite.
#[must_use]
pub fn check(subject: &TeacherSubject<'_>) -> ConformanceReport {
    let mut report = ConformanceReport::new(subject.name.clone());
    report.run("each question has one answer, in the order of questions", || counted(&*subject.built()?));
    report.run("an answer depends on no other question", || alone(&*subject.built()?));
    report.run("the same question gets the same answer", || again(&*subject.built()?));
    report.run("answers depend on the message", || writes(subject).and_then(|()| reads(&*subject.built()?)));
    report.run("answers depend on the system message", || writes(subject).and_then(|()| system(&*subject.built()?)));
    report.run("calls from several threads give the answers of calls alone", || threads(&*subject.built()?));
    report.run("an answer has no more tokens than the limit allows", || limit(subject));
    report.run("an answer ends where an end token comes", || ends(subject));
    report.run("no documents, and empty and odd texts, are answered or refused as the question's own fault", || {
        odd(&*subject.built()?)
    });
    report.run("a question that is too long is answered or refused as its own fault", || long(&*subject.built()?));
    report
}

impl TeacherSubject<'_> {
    fn built(&self) -> Result<Box<dyn Teacher>> {
        self.built_with(self.keys.clone(), self.tokenizer)
    }

    fn built_with(&self, keys: Value, tokenizer: TokenizerOpener) -> Result<Box<dyn Teacher>> {
        (self.build)(keys, TeacherContext { device: self.device.clone(), tokenizer })
    }
}

fn question<'a>(system: &'a str, message: &'a str) -> Question<'a> {
    Question { query: message, documents: &[], system, message }
}

fn all<'a>(system: &'a str) -> Vec<Question<'a>> {
    MESSAGES.iter().map(|message| question(system, message)).collect()
}

fn one(teacher: &dyn Teacher, asked: Question<'_>) -> Result<String> {
    Ok(teacher.answer(&[asked])?.into_iter().next().unwrap_or_default())
}

fn counted(teacher: &dyn Teacher) -> Checked {
    for count in 0..=MESSAGES.len() {
        let found = teacher.answer(&all("")[..count])?;
        ensure(found.len() == count, format!("the answers to {count} questions"), count, found.len())?;
    }
    ensure(teacher.batch_size() > 0, "how many questions a call is best given", "at least 1", teacher.batch_size())?;
    ensure(teacher.concurrency() > 0, "how many calls may be made at a time", "at least 1", teacher.concurrency())
}

/// Whether the answers to the questions in this order are those of each question alone.
fn as_alone(teacher: &dyn Teacher, order: &[usize], what: &str) -> Checked {
    let questions = all("");
    let asked: Vec<Question<'_>> = order.iter().map(|&number| questions[number]).collect();
    for (&number, found) in order.iter().zip(teacher.answer(&asked)?) {
        let own = one(teacher, questions[number])?;
        ensure(
            found == own,
            format!("the answer to {:?} {what}", MESSAGES[number]),
            format!("{own:?}, as alone"),
            format!("{found:?}"),
        )?;
    }
    Ok(())
}

fn alone(teacher: &dyn Teacher) -> Checked {
    as_alone(teacher, &[0, 1, 2, 3, 4, 5], "among others")?;
    as_alone(teacher, &[5, 4, 3, 2, 1, 0], "in another order")?;
    as_alone(teacher, &[2, 2, 1, 2, 3], "asked more than once")
}

fn again(teacher: &dyn Teacher) -> Checked {
    let (first, second) = (teacher.answer(&all(""))?, teacher.answer(&all(""))?);
    ensure(first == second, "the answers of a second call", format!("{first:?}"), format!("{second:?}"))
}

fn reads(teacher: &dyn Teacher) -> Checked {
    let found = teacher.answer(&all(""))?;
    let varied = found.iter().any(|answer| *answer != found[0]);
    ensure(varied, "the answers to different questions", "different ones", format!("{found:?}"))
}

/// Whether the teacher generates text by tokens. One that answers by rules has no token limit.
fn writes(subject: &TeacherSubject<'_>) -> Checked {
    match subject.schema.pointer(&format!("/properties/{LIMIT}")) {
        Some(_) => Ok(()),
        None => Err(CheckFailure::NotApplicable(format!("it answers by rules: its configuration has no {LIMIT}"))),
    }
}

fn system(teacher: &dyn Teacher) -> Checked {
    let without = teacher.answer(&all(""))?;
    for system in ["You are a stone.", "Answer with one word, and that word is tower.", "The king lies in all his answers. 7 8 9"]
    {
        if teacher.answer(&all(system))? != without {
            return Ok(());
        }
    }
    Err(CheckFailure::differs(
        "the answers under three different system messages",
        "other ones",
        format!("{without:?} each time"),
    ))
}

fn threads(teacher: &dyn Teacher) -> Checked {
    let expected = teacher.answer(&all(""))?;
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| teacher.answer(&all("")))).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    for result in results {
        let found = result.map_err(|_| CheckFailure::differs("a call beside others", "answers", "a panic"))??;
        ensure(found == expected, "the answers of a call beside others", format!("{expected:?}"), format!("{found:?}"))?;
    }
    Ok(())
}

/// Under a smaller limit, an answer is the start of the answer under a greater one.
fn limit(subject: &TeacherSubject<'_>) -> Checked {
    if subject.schema.pointer(&format!("/properties/{LIMIT}")).is_none() {
        return Err(CheckFailure::NotApplicable(format!("its configuration has no {LIMIT}")));
    }
    let limited = |tokens: usize| {
        let mut keys = subject.keys.clone();
        keys[LIMIT] = json!(tokens);
        subject.built_with(keys, subject.tokenizer)?.answer(&all(""))
    };
    let (one, few, many) = (limited(1)?, limited(3)?, limited(8)?);
    for (shorter, longer, tokens) in [(&one, &few, 1), (&few, &many, 3)] {
        for (message, (short, long)) in MESSAGES.iter().zip(shorter.iter().zip(longer)) {
            let what = format!("the answer to {message:?} under {LIMIT} = {tokens}");
            ensure(
                long.starts_with(short.trim_end_matches('\u{fffd}')),
                what,
                format!("the start of {long:?}"),
                format!("{short:?}"),
            )?;
        }
    }
    let longest = |answers: &[String]| answers.iter().map(|answer| answer.chars().count()).max().unwrap_or(0);
    let shorter = longest(&one) < longest(&many) || longest(&many) == 0;
    ensure(shorter, format!("the longest answer under {LIMIT} = 1"), format!("shorter than {:?}", many), format!("{one:?}"))
}

thread_local! {
    /// The tokenizer that [`ending`] opens, and whether it was asked to.
    static OPENED: Cell<(Option<TokenizerOpener>, bool)> = const { Cell::new((None, false)) };
}

/// Opens a tokenizer of which every token ends an answer.
fn ending(directory: &Path) -> Result<Box<dyn ChatTokenizer>> {
    let (open, _) = OPENED.replace((OPENED.get().0, true));
    let open = open.ok_or_else(|| Error::Config("there is no tokenizer to open".into()))?;
    Ok(Box::new(Ending { tokenizer: open(directory)?, ids: (0..1 << 18).collect() }))
}

struct Ending {
    tokenizer: Box<dyn ChatTokenizer>,
    ids: Vec<u32>,
}

impl ChatTokenizer for Ending {
    fn encode_chat(&self, system: &str, user: &str, template: bool) -> Result<Vec<u32>> {
        self.tokenizer.encode_chat(system, user, template)
    }

    fn decode(&self, ids: &[u32]) -> Result<String> {
        self.tokenizer.decode(ids)
    }

    fn end_ids(&self) -> &[u32] {
        &self.ids
    }
}

/// Where the first token ends an answer, the answer is empty.
fn ends(subject: &TeacherSubject<'_>) -> Checked {
    OPENED.set((Some(subject.tokenizer), false));
    let teacher = subject.built_with(subject.keys.clone(), ending)?;
    if !OPENED.get().1 {
        return Err(CheckFailure::NotApplicable("it opens no tokenizer: its service ends answers".into()));
    }
    let found = teacher.answer(&all(""))?;
    ensure(found.iter().all(String::is_empty), "the answers where every token ends one", "empty texts", format!("{found:?}"))
}

/// Whether a question is answered, or refused in a way that leaves the other questions.
fn own_fault(teacher: &dyn Teacher, asked: Question<'_>, what: &str) -> Checked {
    match answered(what, || teacher.answer(&[asked]))? {
        Ok(answers) => ensure(answers.len() == 1, what, "one answer", answers.len())?,
        Err(error) if matches!(error.root(), Error::Input(_)) => {}
        Err(error) => return Err(CheckFailure::differs(what, "an answer, or an error of the input", error)),
    }
    // The teacher stays usable.
    one(teacher, question("", MESSAGES[0])).map(drop).map_err(CheckFailure::from)
}

fn odd(teacher: &dyn Teacher) -> Checked {
    let none: [String; 0] = [];
    let documents = [String::new(), "塔 🙂".to_owned()];
    let cases: [(&str, &[String], &str, &str); 5] = [
        ("a question without documents", &none, "", MESSAGES[0]),
        ("a question with an empty document", &documents, "", MESSAGES[1]),
        ("an empty question", &none, "", ""),
        ("a question of odd characters", &none, "🙂", "塔 \u{200f}עיר \0?"),
        ("a question in place of a system message", &none, MESSAGES[0], ""),
    ];
    for (what, documents, system, message) in cases {
        own_fault(teacher, Question { query: message, documents, system, message }, what)?;
    }
    Ok(())
}

fn long(teacher: &dyn Teacher) -> Checked {
    let message = "The river is long. ".repeat(1500);
    own_fault(teacher, question("", &message), "a question of 6,000 words")
}
