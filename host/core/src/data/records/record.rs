//! One record.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A question with its documents and answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The record's name in messages: its `id`, or `line 12` without one.
    pub id: String,
    /// The question; never blank.
    pub query: String,
    /// The documents, best first where they were ranked; at least one. A document may be written as
    /// an object with a `text` and a `title`, and is then read as one text, the title as its first
    /// sentence.
    pub documents: Vec<String>,
    /// The teacher's answer, which is what a model learns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The right answers, for metrics only; the file may call them `answers`, and a single one need
    /// not be in a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gold_answers: Vec<String>,
    /// The reranker's score of each document, in their order; from -1e6 to 1e6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reranking_scores: Option<Vec<f64>>,
    /// The line of its file on which it begins, from 1; 0 if it comes from none.
    #[serde(skip)]
    pub line: u64,
    /// All other fields, unchanged.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A model learns the squared distance to a score, and that of a greater one would not be finite.
const MOST_SCORE: f64 = 1e6;

/// The invalid field, if any, and a message.
pub(crate) type Fault = (Option<String>, String);

impl Record {
    /// Takes a record from the JSON value that began on `line`.
    pub(super) fn from_json(value: Value, line: u64) -> Result<Self, Fault> {
        let Value::Object(mut fields) = value else {
            return Err((None, format!("expected an object with `query` and `documents`, found {}", kind(&value))));
        };
        let mut take = |name: &str| fields.shift_remove(name).filter(|value| !value.is_null());
        let id = take("id").map(identifier).transpose()?.unwrap_or_else(|| format!("line {line}"));
        let query = text("query", take("query").ok_or_else(|| missing("query"))?)?;
        if query.trim().is_empty() {
            return Err(fault("query", "blank; expected a question"));
        }
        let documents = list("documents", take("documents").ok_or_else(|| missing("documents"))?, document)?;
        if documents.is_empty() {
            return Err(fault("documents", "empty; expected at least one document"));
        }
        let answer = take("answer").map(|value| self::answer("answer", value)).transpose()?;
        let gold_answers = match (take("gold_answers"), take("answers")) {
            (Some(_), Some(_)) => return Err(fault("answers", "duplicate of `gold_answers`; keep one of them")),
            (Some(value), None) => golds("gold_answers", value)?,
            (None, Some(value)) => golds("answers", value)?,
            (None, None) => Vec::new(),
        };
        let reranking_scores = take("reranking_scores").map(|value| list("reranking_scores", value, score)).transpose()?;
        if let Some(scores) = reranking_scores.as_ref().filter(|scores| scores.len() != documents.len()) {
            let message =
                format!("found {} scores for {} documents; expected one score per document", scores.len(), documents.len());
            return Err(fault("reranking_scores", &message));
        }
        Ok(Record { id, query, documents, answer, gold_answers, reranking_scores, line, extra: fields })
    }
}

pub(crate) fn fault(field: &str, message: &str) -> Fault {
    (Some(field.to_owned()), message.to_owned())
}

pub(crate) fn missing(field: &str) -> Fault {
    fault(field, "missing")
}

fn wrong(field: &str, expected: &str, found: &Value) -> Fault {
    fault(field, &format!("expected {expected}, found {}", kind(found)))
}

pub(super) fn text(field: &str, value: Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong(field, "a string", &other)),
    }
}

fn identifier(value: Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(wrong("id", "a string or a number", &other)),
    }
}

pub(crate) fn document(field: &str, value: Value) -> Result<String, Fault> {
    let Value::Object(mut fields) = value else {
        return match value {
            Value::String(text) => Ok(text),
            other => Err(wrong(field, "a string or an object with a `text`", &other)),
        };
    };
    let inner = |name: &str| format!("{field}.{name}");
    let body = text(&inner("text"), fields.shift_remove("text").ok_or_else(|| missing(&inner("text")))?)?;
    match fields.shift_remove("title").filter(|title| !title.is_null()) {
        Some(title) => Ok(with_title(&text(&inner("title"), title)?, &body)),
        None => Ok(body),
    }
}

/// A document's text with its title, unless that is blank, as its first sentence.
pub(crate) fn with_title(title: &str, text: &str) -> String {
    match title.trim() {
        "" => text.to_owned(),
        title => format!("{title}. {text}"),
    }
}

pub(crate) fn number(field: &str, value: Value) -> Result<f64, Fault> {
    value.as_f64().filter(|number| number.is_finite()).ok_or_else(|| wrong(field, "a finite number", &value))
}

fn score(field: &str, value: Value) -> Result<f64, Fault> {
    let score = number(field, value)?;
    if score.abs() <= MOST_SCORE {
        return Ok(score);
    }
    Err(fault(field, &format!("expected a score between -{MOST_SCORE:e} and {MOST_SCORE:e}, found the number {score:e}")))
}

/// An answer: a string, or a number's text.
pub(super) fn answer(field: &str, value: Value) -> Result<String, Fault> {
    match value {
        Value::Number(number) => Ok(number.to_string()),
        other => text(field, other),
    }
}

fn golds(field: &str, value: Value) -> Result<Vec<String>, Fault> {
    match value {
        Value::String(_) | Value::Number(_) => Ok(vec![answer(field, value)?]),
        other => list(field, other, answer),
    }
}

pub(crate) fn list<T>(field: &str, value: Value, item: impl Fn(&str, Value) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    match value {
        Value::Array(values) => {
            values.into_iter().enumerate().map(|(index, value)| item(&format!("{field}[{index}]"), value)).collect()
        }
        other => Err(wrong(field, "a list", &other)),
    }
}

pub(crate) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => format!("the number {value}"),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_a_record_is_read() {
        let record = Record::from_json(
            json!({"id": 7, "query": "q", "documents": ["a", {"title": "T", "text": "b", "score": 1}, {"title": null, "text": "c"}],
                   "answer": null, "answers": "gold", "reranking_scores": [1, -0.5, 1e-9], "hops": 2}),
            3,
        )
        .expect("it is valid");
        assert_eq!(record.id, "7");
        assert_eq!(record.documents, ["a", "T. b", "c"]);
        assert_eq!((record.answer.as_deref(), &record.gold_answers[..]), (None, &["gold".to_owned()][..]));
        assert_eq!(record.reranking_scores.as_deref(), Some(&[1.0, -0.5, 1e-9][..]));
        assert_eq!(record.extra["hops"], 2);
        let nameless = Record::from_json(json!({"query": "q", "documents": ["a"]}), 3).expect("it is valid");
        assert_eq!(nameless.id, "line 3");
    }

    #[test]
    fn a_record_survives_being_written() {
        let value = json!({"id": "x", "query": "q", "documents": ["a"], "answer": "y", "gold_answers": ["z"],
                           "reranking_scores": [0.25], "hops": 2});
        let record = Record::from_json(value.clone(), 1).expect("it is valid");
        assert_eq!(serde_json::to_value(&record).expect("it is JSON"), value);
    }

    #[test]
    fn the_field_at_fault_is_named() {
        for (value, field, message) in [
            (json!([1]), None, "expected an object with `query` and `documents`, found a list"),
            (json!({"documents": ["a"]}), Some("query"), "missing"),
            (json!({"query": null, "documents": ["a"]}), Some("query"), "missing"),
            (json!({"query": " \n", "documents": ["a"]}), Some("query"), "blank; expected a question"),
            (json!({"query": "q"}), Some("documents"), "missing"),
            (json!({"query": "q", "documents": "a"}), Some("documents"), "expected a list, found a string"),
            (json!({"query": "q", "documents": []}), Some("documents"), "empty; expected at least one document"),
            (
                json!({"query": "q", "documents": ["a", 5]}),
                Some("documents[1]"),
                "expected a string or an object with a `text`, found the number 5",
            ),
            (json!({"query": "q", "documents": [{"title": "t"}]}), Some("documents[0].text"), "missing"),
            (json!({"query": "q", "documents": ["a"], "answer": ["x"]}), Some("answer"), "expected a string, found a list"),
            (
                json!({"query": "q", "documents": ["a"], "answers": ["x", false]}),
                Some("answers[1]"),
                "expected a string, found false",
            ),
            (
                json!({"query": "q", "documents": ["a"], "reranking_scores": [1, 2]}),
                Some("reranking_scores"),
                "found 2 scores for 1 documents; expected one score per document",
            ),
            (
                json!({"query": "q", "documents": ["a"], "reranking_scores": ["1"]}),
                Some("reranking_scores[0]"),
                "expected a finite number, found a string",
            ),
            (
                json!({"query": "q", "documents": ["a"], "reranking_scores": [-1e39]}),
                Some("reranking_scores[0]"),
                "expected a score between -1e6 and 1e6, found the number -1e39",
            ),
            (
                json!({"query": "q", "documents": ["a"], "answers": [], "gold_answers": []}),
                Some("answers"),
                "duplicate of `gold_answers`; keep one of them",
            ),
        ] {
            let found = Record::from_json(value.clone(), 1).expect_err("it is not valid");
            assert_eq!(found, (field.map(str::to_owned), message.to_owned()), "{value}");
        }
    }
}
