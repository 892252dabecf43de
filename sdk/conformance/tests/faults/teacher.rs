//! Teachers that break a promise.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use scaledown_conformance::ConformanceReport;
use scaledown_conformance::teacher::{TeacherSubject, check};
use scaledown_sdk::component::{ChatTokenizer, Question, Teacher, TeacherContext};
use scaledown_sdk::{Error, Result};
use serde_json::{Value, json};

use crate::{assert_found, assert_passes};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    NumbersQuestions,
    Reverses,
    IgnoresMessages,
    IgnoresSystem,
    IgnoresLimit,
    ReadsBeyondTheEnd,
    Drifts,
    BlamesTheService,
    PanicsOnEmpty,
    SkipsRepeated,
}

/// Tokens are the letters of an answer.
struct Letters;

impl ChatTokenizer for Letters {
    fn encode_chat(&self, system: &str, user: &str, _: bool) -> Result<Vec<u32>> {
        Ok(system.chars().chain(['\n']).chain(user.chars()).map(|c| c as u32).collect())
    }

    fn decode(&self, ids: &[u32]) -> Result<String> {
        Ok(ids.iter().filter_map(|&id| char::from_u32(id)).collect())
    }

    fn end_ids(&self) -> &[u32] {
        &[0]
    }
}

fn tokenizer(_: &Path) -> Result<Box<dyn ChatTokenizer>> {
    Ok(Box::new(Letters))
}

struct Echo {
    fault: Fault,
    limit: usize,
    tokenizer: Box<dyn ChatTokenizer>,
    calls: AtomicUsize,
}

impl Echo {
    fn new(fault: Fault, keys: &Value, context: &TeacherContext) -> Result<Self> {
        let limit = usize::try_from(keys["max_new_tokens"].as_u64().unwrap_or(5)).unwrap_or(5);
        Ok(Echo { fault, limit, tokenizer: (context.tokenizer)(Path::new("model"))?, calls: AtomicUsize::new(0) })
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn one(&self, number: usize, question: &Question<'_>) -> Result<String> {
        assert!(!self.is(Fault::PanicsOnEmpty) || !question.message.is_empty(), "an empty message");
        if question.message.is_empty() {
            let message = "there is no question";
            return Err(if self.is(Fault::BlamesTheService) {
                Error::Plugin { plugin: "echo".into(), message: message.into() }
            } else {
                Error::Input(message.into())
            });
        }
        let system = if self.is(Fault::IgnoresSystem) { "" } else { question.system };
        let message = if self.is(Fault::IgnoresMessages) { "" } else { question.message };
        let mut ids = self.tokenizer.encode_chat(system, message, true)?;
        let salt = ids.iter().fold(0, |sum: u32, id| sum.wrapping_mul(31).wrapping_add(*id));
        ids = (0..20_u32).map(|at| 97 + salt.wrapping_mul(at + 1) / 7 % 26).collect();
        if !self.is(Fault::ReadsBeyondTheEnd) {
            let end = ids.iter().position(|id| self.tokenizer.end_ids().contains(id));
            ids.truncate(end.unwrap_or(ids.len()));
        }
        ids.truncate(if self.is(Fault::IgnoresLimit) { 10 } else { self.limit });
        if self.is(Fault::NumbersQuestions) {
            ids.push(48 + number as u32);
        }
        if self.is(Fault::Drifts) {
            ids.push(97 + self.calls.fetch_add(1, Ordering::Relaxed) as u32 % 26);
        }
        self.tokenizer.decode(&ids)
    }
}

impl Teacher for Echo {
    fn answer(&self, questions: &[Question<'_>]) -> Result<Vec<String>> {
        let mut asked: Vec<Question<'_>> = questions.to_vec();
        if self.is(Fault::SkipsRepeated) {
            asked.dedup();
        }
        let mut answers: Vec<String> =
            asked.iter().enumerate().map(|(number, question)| self.one(number, question)).collect::<Result<_>>()?;
        if self.is(Fault::Reverses) {
            answers.reverse();
        }
        answers.resize(questions.len(), String::new());
        Ok(answers)
    }
}

fn report(fault: Fault) -> ConformanceReport {
    let build = |keys: Value, context: TeacherContext| Ok(Box::new(Echo::new(fault, &keys, &context)?) as Box<dyn Teacher>);
    let schema = json!({"properties": {"max_new_tokens": {}}});
    let device = scaledown_cpu::device().unwrap();
    check(&TeacherSubject { name: format!("{fault:?}"), build: &build, keys: json!({}), schema, device, tokenizer })
}

#[test]
fn a_teacher_that_keeps_its_promises_passes() {
    assert_passes(&report(Fault::None));
}

#[test]
fn each_fault_is_found() {
    for (fault, check) in [
        (Fault::NumbersQuestions, "depends on no other question"),
        (Fault::Reverses, "depends on no other question"),
        (Fault::SkipsRepeated, "depends on no other question"),
        (Fault::IgnoresMessages, "depend on the message"),
        (Fault::IgnoresSystem, "the system message"),
        (Fault::IgnoresLimit, "the limit allows"),
        (Fault::ReadsBeyondTheEnd, "where an end token comes"),
        (Fault::Drifts, "the same question"),
        (Fault::BlamesTheService, "empty and odd texts"),
        (Fault::PanicsOnEmpty, "empty and odd texts"),
    ] {
        assert_found(&report(fault), &fault, check);
    }
}
