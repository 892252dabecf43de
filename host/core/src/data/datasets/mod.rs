//! Ready-made sets of questions with documents and answers, as training records.
//!
//! | set | from the hub | original format | documents of a record |
//! | --- | --- | --- | --- |
//! | SQuAD | `rajpurkar/squad` | JSON v1.1 and v2.0 | the paragraph |
//! | Natural Questions | `google-research-datasets/natural_questions` | NQ-open JSONL | the paragraph of the long answer; NQ-open has none, see [`Set::NaturalQuestions`] |
//! | TriviaQA | `mandarjoshi/trivia_qa` (`rc.wikipedia`) | JSON, with the evidence beside it | a passage of each page |
//! | HotpotQA | `hotpotqa/hotpot_qa` (`distractor`) | distractor JSON | the ten paragraphs |
//!
//! A record's `answer`, what a training learns, is the first right answer; a teacher's would be
//! longer. Skips and counts questions without an answer.

mod collect;
mod hotpot_qa;
mod hub;
mod natural_questions;
mod squad;
mod trivia_qa;
mod write;

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::data::corpus::Table;
use crate::data::records::{DataError, Fault, Reader, Record, fault, missing};
use crate::error::Error;

pub use collect::{DatasetSource, collect};
pub use hub::from_hub;
pub use write::{WrittenDataset, write};

/// A ready-made set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// SQuAD: questions that people wrote on Wikipedia paragraphs (Rajpurkar et al., 2016 and
    /// 2018).
    Squad,
    /// Natural Questions: what people asked a search engine (Kwiatkowski et al., 2019). NQ-open,
    /// its form without documents, gives each record one made document that states the question and
    /// its answers, so that the record can be trained on; `prepare` retrieves real ones.
    NaturalQuestions,
    /// TriviaQA: questions of quizzes (Joshi et al., 2017).
    TriviaQa,
    /// HotpotQA: questions that take two paragraphs to answer, among ten (Yang et al., 2018).
    HotpotQa,
}

impl Set {
    /// All of them.
    pub const ALL: [Set; 4] = [Set::Squad, Set::NaturalQuestions, Set::TriviaQa, Set::HotpotQa];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Set::Squad => "squad",
            Set::NaturalQuestions => "natural-questions",
            Set::TriviaQa => "trivia-qa",
            Set::HotpotQa => "hotpot-qa",
        }
    }

    /// The columns of the hub's tables that are read.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Set::Squad => &["id", "title", "context", "question", "answers"],
            Set::NaturalQuestions => &["id", "document", "question", "annotations"],
            Set::TriviaQa => &["question", "question_id", "entity_pages", "search_results", "answer"],
            Set::HotpotQa => &["id", "question", "answer", "context"],
        }
    }

    fn row(self, row: &Value) -> Result<DatasetItem, Fault> {
        match self {
            Set::Squad => squad::row(row),
            Set::NaturalQuestions => natural_questions::row(row),
            Set::TriviaQa => trivia_qa::row(row),
            Set::HotpotQa => hotpot_qa::row(row),
        }
    }
}

/// A converted question of a dataset.
#[derive(Debug, PartialEq)]
pub enum DatasetItem {
    /// A record to train on.
    Record(Box<Record>),
    /// Nothing: the question has no answer.
    NoAnswer,
    /// Nothing: the question has no documents.
    NoDocuments,
}

/// The questions of a set, one after the other.
pub type Examples = Box<dyn Iterator<Item = Result<DatasetItem, Error>>>;

/// The questions of a local copy: in the original format, or in the hub's (`.parquet`).
///
/// # Errors
/// If the file cannot be read or has another format.
pub fn from_file(set: Set, path: &Path) -> Result<Examples, DataError> {
    if path.extension().is_some_and(|ending| ending == "parquet") {
        return from_table(set, path);
    }
    let examples = match set {
        Set::Squad => squad::original(path),
        Set::NaturalQuestions => natural_questions::original(path),
        Set::TriviaQa => trivia_qa::original(path),
        Set::HotpotQa => hotpot_qa::original(path),
    }?;
    Ok(Box::new(examples.map(|item| item.map_err(Error::from))))
}

/// The questions of a table of the hub.
fn from_table(set: Set, path: &Path) -> Result<Examples, DataError> {
    let table = Table::open(path, set.columns())?;
    Ok(Box::new(table.map(move |item| -> Result<DatasetItem, Error> {
        let (place, row) = item?;
        set.row(&row).map_err(|fault| place.error(fault).into())
    })))
}

/// The questions of a file in an original format.
type Original = Box<dyn Iterator<Item = Result<DatasetItem, DataError>>>;

/// A record from a question's parts. Drops repeated and blank gold answers.
fn found(id: String, query: &str, documents: Vec<String>, answers: impl IntoIterator<Item = String>) -> DatasetItem {
    let mut gold_answers: Vec<String> = Vec::new();
    for answer in answers {
        let answer = answer.trim();
        if !answer.is_empty() && !gold_answers.iter().any(|known| known == answer) {
            gold_answers.push(answer.to_owned());
        }
    }
    let Some(answer) = gold_answers.first().cloned() else { return DatasetItem::NoAnswer };
    if documents.is_empty() || query.trim().is_empty() {
        return DatasetItem::NoDocuments;
    }
    let query = query.trim().to_owned();
    DatasetItem::Record(Box::new(Record { id, query, documents, answer: Some(answer), gold_answers, ..Record::default() }))
}

/// The elements of the list that a file has under `name`, one at a time, as `T`.
fn elements<T: serde::de::DeserializeOwned>(
    path: &Path,
    name: &str,
) -> Result<impl Iterator<Item = Result<T, DataError>> + use<T>, DataError> {
    let mut reader = Reader::open_list(path, name)?;
    let path = path.to_owned();
    Ok(std::iter::from_fn(move || {
        Some(reader.next_value()?.and_then(|(line, value)| {
            serde_json::from_value(value).map_err(|error| {
                let message = format!("not the set's original JSON: {error}");
                DataError::Record { path: path.clone(), line, field: None, message }
            })
        }))
    }))
}

/// The value at a JSON pointer.
fn at<'a>(value: &'a Value, pointer: &str) -> Result<&'a Value, Fault> {
    value.pointer(pointer).filter(|value| !value.is_null()).ok_or_else(|| missing(&name(pointer)))
}

/// The text at a JSON pointer.
fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, Fault> {
    at(value, pointer)?.as_str().ok_or_else(|| fault(&name(pointer), "expected a string"))
}

/// The list at a JSON pointer.
fn list<'a>(value: &'a Value, pointer: &str) -> Result<&'a [Value], Fault> {
    at(value, pointer)?.as_array().map(Vec::as_slice).ok_or_else(|| fault(&name(pointer), "expected a list"))
}

/// The strings of the list at a JSON pointer. Ignores other elements.
fn texts(value: &Value, pointer: &str) -> Result<Vec<String>, Fault> {
    Ok(list(value, pointer)?.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn name(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

#[cfg(test)]
mod tests;
