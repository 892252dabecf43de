//! Documents with questions about them: what a language model is pretrained on.

use serde::Serialize;
use serde_json::Value;

use super::record::{Fault, Record, fault, kind, list, missing, text};

/// Documents with questions about them. A file has either `questions`, a list of `query` and
/// `answer`, beside the `documents`, or is one of ordinary training records, each of which asks one
/// question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PretrainingRecord {
    /// The documents; at least one.
    pub documents: Vec<String>,
    /// The questions with their answers; none where a record has no answer.
    pub questions: Vec<QuestionAnswer>,
}

/// A question with its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QuestionAnswer {
    /// The question.
    pub query: String,
    /// The answer.
    pub answer: String,
}

impl PretrainingRecord {
    /// Takes a context from the JSON value that began on `line`.
    pub(super) fn from_json(value: Value, line: u64) -> Result<Self, Fault> {
        let Value::Object(mut fields) = value else {
            let expected = "expected an object with `documents`, and `questions` or `query` and `answer`";
            return Err((None, format!("{expected}, found {}", kind(&value))));
        };
        let Some(questions) = fields.shift_remove("questions") else {
            let Record { query, documents, answer, .. } = Record::from_json(Value::Object(fields), line)?;
            return Ok(PretrainingRecord {
                documents,
                questions: answer.map(|answer| QuestionAnswer { query, answer }).into_iter().collect(),
            });
        };
        let documents =
            list("documents", fields.shift_remove("documents").ok_or_else(|| missing("documents"))?, super::record::document)?;
        let questions = list("questions", questions, question)?;
        if documents.is_empty() {
            return Err(fault("documents", "empty; expected at least one document"));
        }
        if questions.is_empty() {
            return Err(fault("questions", "empty; expected at least one question"));
        }
        Ok(PretrainingRecord { documents, questions })
    }
}

fn question(field: &str, value: Value) -> Result<QuestionAnswer, Fault> {
    let Value::Object(mut fields) = value else {
        return Err(fault(field, &format!("expected an object with `query` and `answer`, found {}", kind(&value))));
    };
    let mut take = |name: &str| {
        let field = format!("{field}.{name}");
        text(&field, fields.shift_remove(name).ok_or_else(|| missing(&field))?)
    };
    Ok(QuestionAnswer { query: take("query")?, answer: take("answer")? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_kinds_of_records_are_read() {
        let question = |query: &str, answer: &str| QuestionAnswer { query: query.into(), answer: answer.into() };
        let many = json!({"id": "x", "documents": ["d", {"title": "T", "text": "e"}],
                          "questions": [{"query": "q", "answer": "a"}, {"query": "r", "answer": "b"}]});
        let context = PretrainingRecord {
            documents: vec!["d".into(), "T. e".into()],
            questions: vec![question("q", "a"), question("r", "b")],
        };
        assert_eq!(PretrainingRecord::from_json(many, 1), Ok(context));
        let one = |value| PretrainingRecord::from_json(value, 1).map(|context| context.questions);
        assert_eq!(one(json!({"query": "q", "documents": ["d"], "answer": "a"})), Ok(vec![question("q", "a")]));
        assert_eq!(one(json!({"query": "q", "documents": ["d"]})), Ok(Vec::new()));
    }

    #[test]
    fn the_field_at_fault_is_named() {
        for (value, field, message) in [
            (json!({"documents": ["d"], "questions": []}), "questions", "empty; expected at least one question"),
            (
                json!({"documents": [], "questions": [{"query": "q", "answer": "a"}]}),
                "documents",
                "empty; expected at least one document",
            ),
            (json!({"questions": [{"query": "q", "answer": "a"}]}), "documents", "missing"),
            (json!({"documents": ["d"], "questions": [{"query": "q"}]}), "questions[0].answer", "missing"),
            (
                json!({"documents": ["d"], "questions": ["q"]}),
                "questions[0]",
                "expected an object with `query` and `answer`, found a string",
            ),
            (
                json!({"documents": ["d"], "questions": [{"query": 1, "answer": "a"}]}),
                "questions[0].query",
                "expected a string, found the number 1",
            ),
            (json!({"documents": ["d"]}), "query", "missing"),
        ] {
            let found = PretrainingRecord::from_json(value.clone(), 1).expect_err("it is not valid");
            assert_eq!(found, (Some(field.to_owned()), message.to_owned()), "{value}");
        }
    }
}
