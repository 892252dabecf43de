//! HotpotQA, distractor setting: <https://hotpotqa.github.io>.

use std::path::Path;

use serde_json::Value;

use super::{DatasetItem, Original, found, list, text};
use crate::data::records::{DataError, Fault, Reader, fault, with_title};

/// A row of the hub's table.
pub(super) fn row(row: &Value) -> Result<DatasetItem, Fault> {
    let (titles, sentences) = (list(row, "/context/title")?, list(row, "/context/sentences")?);
    if titles.len() != sentences.len() {
        return Err(fault("context", &format!("has {} titles for {} paragraphs", titles.len(), sentences.len())));
    }
    example(row, "/id", titles.iter().zip(sentences))
}

/// The questions of a file: one JSON array.
pub(super) fn original(path: &Path) -> Result<Original, DataError> {
    let mut reader = Reader::open(path)?;
    let path = path.to_owned();
    Ok(Box::new(std::iter::from_fn(move || {
        Some(reader.next_value()?.and_then(|(line, value)| {
            object(&value).map_err(|(field, message)| DataError::Record { path: path.clone(), line, field, message })
        }))
    })))
}

fn object(value: &Value) -> Result<DatasetItem, Fault> {
    let pairs = list(value, "/context")?.iter().map(|pair| Some((pair.get(0)?, pair.get(1)?)));
    let pairs: Option<Vec<(&Value, &Value)>> = pairs.collect();
    let pairs = pairs.ok_or_else(|| fault("context", "expected pairs of a title and a list of sentences"))?;
    example(value, "/_id", pairs.into_iter())
}

fn example<'a>(value: &'a Value, id: &str, pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> Result<DatasetItem, Fault> {
    let documents = pairs
        .map(|(title, sentences)| match (title.as_str(), sentences.as_array()) {
            (Some(title), Some(sentences)) => Ok(with_title(title, &join(sentences))),
            _ => Err(fault("context", "expected a title and a list of sentences for each paragraph")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    // The test set has no answers.
    let answer = value.get("answer").and_then(Value::as_str).map(str::to_owned);
    Ok(found(text(value, id)?.to_owned(), text(value, "/question")?, documents, answer))
}

/// Sentences, most of which begin with the space that parts them from the one before.
fn join(sentences: &[Value]) -> String {
    let sentences: Vec<&str> =
        sentences.iter().filter_map(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).collect();
    sentences.join(" ")
}
