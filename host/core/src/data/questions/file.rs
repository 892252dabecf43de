//! Questions of a file.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::CorpusQuestion;
use super::config::{self, QuestionFields, QuestionFormat};
use crate::data::corpus::{lookup, scalar};
use crate::data::records::{DataError, Fault, Lines, Reader, document, fault, kind, list, missing, number};

/// Where a question stands.
pub(super) struct QuestionPosition {
    path: PathBuf,
    line: u64,
}

impl QuestionPosition {
    pub(super) fn error(&self, message: String) -> DataError {
        self.fault((None, message))
    }

    fn fault(&self, (field, message): Fault) -> DataError {
        DataError::Record { path: self.path.clone(), line: self.line, field, message }
    }
}

type Placed = Box<dyn Iterator<Item = Result<(QuestionPosition, CorpusQuestion), DataError>>>;

/// The questions of a file, each with its place.
pub(super) fn open(path: &Path, config: &config::Questions) -> Result<Placed, DataError> {
    let beir = QuestionFields { id: Some("_id".into()), text: Some("text".into()), ..QuestionFields::default() };
    match config.format {
        QuestionFormat::Jsonl => json(path, config.fields.clone()),
        QuestionFormat::Beir => json(&queries(path), beir),
        QuestionFormat::Msmarco => lines(path, |_, line| match line.split_once('\t') {
            Some((id, query)) => question(id.trim(), query),
            None => Err((None, "expected an id and a question separated by a tab".into())),
        }),
        QuestionFormat::Text | QuestionFormat::Synthetic => lines(path, |number, line| question(&number.to_string(), line)),
    }
}

/// The file of questions of a dataset in BEIR's layout, which is named by the file or by its
/// directory.
fn queries(path: &Path) -> PathBuf {
    if !path.is_dir() {
        return path.to_owned();
    }
    let names = ["queries.jsonl", "queries.jsonl.gz", "queries.jsonl.zst"].map(|name| path.join(name));
    let [plain, ..] = &names;
    names.iter().find(|name| name.is_file()).unwrap_or(plain).clone()
}

fn lines(path: &Path, take: fn(u64, &str) -> Result<CorpusQuestion, Fault>) -> Result<Placed, DataError> {
    let path = path.to_owned();
    Ok(Box::new(Lines::open(&path)?.map(move |item| {
        let (line, text) = item?;
        let place = QuestionPosition { path: path.clone(), line };
        match take(line, &text) {
            Ok(question) => Ok((place, question)),
            Err(fault) => Err(place.fault(fault)),
        }
    })))
}

fn json(path: &Path, fields: QuestionFields) -> Result<Placed, DataError> {
    let mut reader = Reader::open(path)?;
    let path = path.to_owned();
    Ok(Box::new(std::iter::from_fn(move || {
        Some(reader.next_value()?.and_then(|(line, value)| {
            let place = QuestionPosition { path: path.clone(), line };
            match object(&value, &fields, line) {
                Ok(question) => Ok((place, question)),
                Err(fault) => Err(place.fault(fault)),
            }
        }))
    })))
}

fn object(value: &Value, fields: &QuestionFields, line: u64) -> Result<CorpusQuestion, Fault> {
    if !value.is_object() {
        return Err((None, format!("expected an object, found {}", kind(value))));
    }
    let first = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, lookup(value, name)?)));
    let id = match &fields.id {
        Some(field) => scalar(field, lookup(value, field).ok_or_else(|| missing(field))?)?,
        None => first(&["id", "_id"]).map_or_else(|| Ok(line.to_string()), |(field, id)| scalar(field, id))?,
    };
    let (field, text) = match &fields.text {
        Some(field) => (field.as_str(), lookup(value, field).ok_or_else(|| missing(field))?),
        None => first(&["query", "question", "text"])
            .ok_or_else(|| (None, "expected `query`, `question` or `text`; name another in questions.fields.text".to_owned()))?,
    };
    let Value::String(text) = text else {
        return Err(fault(field, &format!("expected a string, found {}", kind(text))));
    };
    let mut question = question(&id, text).map_err(|(_, message)| fault(field, &message))?;
    let field = fields.answers.as_deref().unwrap_or("gold_answers");
    question.gold_answers = answers(field, lookup(value, field))?;
    (question.documents, question.reranking_scores) = documents(value, fields)?;
    Ok(question)
}

/// The documents that a question comes with, and their scores.
fn documents(value: &Value, fields: &QuestionFields) -> Result<(Vec<String>, Option<Vec<f64>>), Fault> {
    let found = |named: &Option<String>, usual: &str| {
        let field = named.clone().unwrap_or_else(|| usual.to_owned());
        match (lookup(value, &field).filter(|value| !value.is_null()), named) {
            (None, Some(_)) => Err(missing(&field)),
            (found, _) => Ok((field, found)),
        }
    };
    let (field, given) = found(&fields.documents, "documents")?;
    let Some(given) = given else { return Ok((Vec::new(), None)) };
    let documents = list(&field, given.clone(), document)?;
    let (field, scores) = found(&fields.reranking_scores, "reranking_scores")?;
    let scores = scores.map(|scores| list(&field, scores.clone(), number)).transpose()?;
    match &scores {
        Some(scores) if scores.len() != documents.len() => {
            let message =
                format!("found {} scores for {} documents; expected one score per document", scores.len(), documents.len());
            Err(fault(&field, &message))
        }
        _ => Ok((documents, scores)),
    }
}

fn answers(field: &str, value: Option<&Value>) -> Result<Vec<String>, Fault> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(values)) => values.iter().map(|value| scalar(field, value)).collect(),
        Some(value) => Ok(vec![scalar(field, value)?]),
    }
}

fn question(id: &str, query: &str) -> Result<CorpusQuestion, Fault> {
    match (id, query.trim()) {
        ("", _) => Err((None, "the id is empty; expected a question id".into())),
        (_, "") => Err((None, "the question is blank".into())),
        (id, query) => Ok(CorpusQuestion { id: id.to_owned(), query: query.to_owned(), ..CorpusQuestion::default() }),
    }
}
