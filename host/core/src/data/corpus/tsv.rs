//! MS MARCO's collections: tab-separated lines.

use std::path::Path;

use super::document::RawDocument;
use super::stream::DocumentIter;
use crate::data::records::{DataError, Lines};

/// The passages (`id text`) or documents (`id url title text`) of a file.
pub(super) fn open(path: &Path) -> Result<DocumentIter, DataError> {
    let mut lines = Lines::open(path)?;
    Ok(Box::new(std::iter::from_fn(move || {
        let item = lines.next()?;
        Some(item.and_then(|(_, line)| document(&line).map_err(|message| lines.fault(message))))
    })))
}

fn document(line: &str) -> Result<RawDocument, String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let (id, title, text) = match fields.as_slice() {
        &[id, text] => (id, "", text),
        &[id, _, title, text] => (id, title, text),
        other => {
            return Err(format!("found {} tab-separated fields, expected 2 (`id text`) or 4 (`id url title text`)", other.len()));
        }
    };
    if id.trim().is_empty() {
        return Err("the id is empty; expected a document id".into());
    }
    Ok(RawDocument { id: id.trim().to_owned(), title: title.to_owned(), text: text.to_owned() })
}
