//! JSON Lines or a JSON array, an object a document.

use std::path::Path;

use serde_json::Value;

use super::config::CorpusFields;
use super::document::RawDocument;
use super::stream::DocumentIter;
use crate::data::records::{DataError, Fault, Reader, fault, kind, missing, plain_name};

/// The documents of a file whose fields are called as `fields` says.
pub(super) fn open(path: &Path, fields: &CorpusFields) -> Result<DocumentIter, DataError> {
    let fields = fields.clone();
    documents(path, move |value, name| document(value, &fields, name))
}

/// The documents of BEIR's `corpus.jsonl`.
pub(super) fn open_beir(path: &Path) -> Result<DocumentIter, DataError> {
    let fields = CorpusFields { id: Some("_id".into()), title: None, text: None };
    open(path, &fields)
}

/// The documents that `take` makes from the JSON values of a file. It also gets the id for
/// documents without one.
pub(super) fn documents(
    path: &Path,
    take: impl Fn(&Value, &str) -> Result<RawDocument, Fault> + 'static,
) -> Result<DocumentIter, DataError> {
    let mut reader = Reader::open(path)?;
    let path = path.to_owned();
    let stem = stem(&path);
    Ok(Box::new(std::iter::from_fn(move || {
        Some(reader.next_value()?.and_then(|(line, value)| {
            let failed = |(field, message)| DataError::Record { path: path.clone(), line, field, message };
            take(&value, &format!("{stem}:{line}")).map_err(failed)
        }))
    })))
}

/// The name of a file without its endings.
pub(super) fn stem(path: &Path) -> String {
    plain_name(path).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A document from an object; `name` is its id where it has none.
pub(super) fn document(value: &Value, fields: &CorpusFields, name: &str) -> Result<RawDocument, Fault> {
    if !value.is_object() {
        return Err((None, format!("expected an object, found {}", kind(value))));
    }
    let id = match &fields.id {
        Some(field) => scalar(field, lookup(value, field).ok_or_else(|| missing(field))?)?,
        None => match ["id", "_id"].iter().find_map(|field| Some((field, lookup(value, field)?))) {
            Some((field, id)) => scalar(field, id)?,
            None => name.to_owned(),
        },
    };
    if id.is_empty() {
        return Err(fault(fields.id.as_deref().unwrap_or("id"), "empty; expected a document id"));
    }
    let title = match &fields.title {
        Some(field) => text(field, lookup(value, field).ok_or_else(|| missing(field))?)?,
        None => lookup(value, "title").map(|title| text("title", title)).transpose()?.unwrap_or_default(),
    };
    let field = fields.text.as_deref().unwrap_or("text");
    let text = match lookup(value, field) {
        Some(found) => text(field, found)?,
        // A title is a document too.
        None if !title.trim().is_empty() && (fields.text.is_none() || value.get(field).is_some()) => String::new(),
        None => return Err(missing(field)),
    };
    Ok(RawDocument { id, title, text })
}

/// The value of a field, unless it is null: that of the whole name, or that which its dots lead to.
pub(crate) fn lookup<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    let nested = || field.split('.').try_fold(value, |value, part| value.get(part));
    value.get(field).or_else(nested).filter(|value| !value.is_null())
}

/// A string, or a number's text.
pub(crate) fn scalar(field: &str, value: &Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(fault(field, &format!("expected a string or a number, found {}", kind(other)))),
    }
}

/// A string, or a list of strings as paragraphs.
fn text(field: &str, value: &Value) -> Result<String, Fault> {
    let wrong = |expected: &str, found: &Value| fault(field, &format!("expected {expected}, found {}", kind(found)));
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(paragraphs) => {
            let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| wrong("a list of strings", value));
            Ok(paragraphs.iter().map(text).collect::<Result<Vec<_>, _>>()?.join("\n"))
        }
        other => Err(wrong("a string or a list of strings", other)),
    }
}
