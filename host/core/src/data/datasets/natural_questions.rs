//! Natural Questions: <https://ai.google.com/research/NaturalQuestions>.

use std::path::Path;

use serde_json::Value;

use super::{DatasetItem, Original, at, found, list, text};
use crate::data::records::{DataError, Fault, Reader, fault, with_title};

/// A row of the hub's table: its document is the paragraph of the first long answer that also has
/// short answers, without the page's markup.
pub(super) fn row(row: &Value) -> Result<DatasetItem, Fault> {
    let id = text(row, "/id")?.to_owned();
    let query = text(row, "/question/text")?;
    let long_answers = list(row, "/annotations/long_answer")?;
    let short_answers = list(row, "/annotations/short_answers")?;
    for (long, short) in long_answers.iter().zip(short_answers) {
        let answers = super::texts(short, "/text")?;
        let bound = |name: &str| long.get(name).and_then(Value::as_u64).and_then(|token| usize::try_from(token).ok());
        // -1 stands for no long answer.
        if let (Some(start), Some(end), false) = (bound("start_token"), bound("end_token"), answers.is_empty()) {
            let title = row.pointer("/document/title").and_then(Value::as_str).unwrap_or_default();
            let document = with_title(title, &paragraph(row, start, end)?);
            let all = short_answers.iter().filter_map(|short| super::texts(short, "/text").ok()).flatten();
            return Ok(found(id, query, vec![document], answers.into_iter().chain(all)));
        }
    }
    Ok(DatasetItem::NoAnswer)
}

/// The words of the page from token `start` up to token `end`.
fn paragraph(row: &Value, start: usize, end: usize) -> Result<String, Fault> {
    let tokens = list(row, "/document/tokens/token")?;
    let is_html = list(row, "/document/tokens/is_html")?;
    if start >= end || end > tokens.len() || is_html.len() != tokens.len() {
        return Err(fault("annotations.long_answer", &format!("runs from token {start} to {end} of {}", tokens.len())));
    }
    let words = tokens[start..end].iter().zip(&is_html[start..end]).filter(|(_, is_html)| is_html.as_bool() == Some(false));
    let words: Vec<&str> = words.filter_map(|(token, _)| token.as_str()).collect();
    Ok(words.join(" "))
}

/// The questions of an NQ-open file: JSON Lines of a `question` and a list of right answers,
/// `answer`.
pub(super) fn original(path: &Path) -> Result<Original, DataError> {
    let mut reader = Reader::open(path)?;
    let path = path.to_owned();
    Ok(Box::new(std::iter::from_fn(move || {
        Some(reader.next_value()?.and_then(|(line, value)| {
            open(&value, line).map_err(|(field, message)| DataError::Record { path: path.clone(), line, field, message })
        }))
    })))
}

fn open(value: &Value, line: u64) -> Result<DatasetItem, Fault> {
    let query = text(value, "/question")?;
    let answers = match at(value, "/answer")? {
        Value::String(answer) => vec![answer.clone()],
        _ => super::texts(value, "/answer")?,
    };
    let statement = format!("{}? {}.", query.trim().trim_end_matches('?').trim_end(), answers.join("; "));
    Ok(found(format!("nq-open-{line}"), query, vec![statement], answers))
}
