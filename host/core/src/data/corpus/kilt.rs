//! KILT's knowledge source: a Wikipedia page a line.
//!
//! Its `text` is a list of paragraphs: the title, then the page's paragraphs, headings as
//! `Section::::Early life.:Childhood.` and the items of lists as `BULLET::::- item`
//! (<https://github.com/facebookresearch/KILT>).

use std::path::Path;

use serde_json::Value;

use super::document::RawDocument;
use super::json;
use super::stream::DocumentIter;
use crate::data::records::{DataError, Fault, fault, kind, missing};

/// The pages of a file, with the headings of their sections or without.
pub(super) fn open(path: &Path, section_titles: bool) -> Result<DocumentIter, DataError> {
    json::documents(path, move |value, _| page(value, section_titles))
}

fn page(value: &Value, section_titles: bool) -> Result<RawDocument, Fault> {
    let field = |name: &str| json::lookup(value, name).ok_or_else(|| missing(name));
    if !value.is_object() {
        return Err((None, format!("expected an object with `wikipedia_id` and `text`, found {}", kind(value))));
    }
    let id = json::scalar("wikipedia_id", field("wikipedia_id")?)?;
    let title = json::scalar("wikipedia_title", field("wikipedia_title")?)?;
    let Value::Array(paragraphs) = field("text")? else {
        return Err(fault("text", "expected a list of paragraphs"));
    };
    let mut lines: Vec<String> = Vec::with_capacity(paragraphs.len());
    for (index, paragraph) in paragraphs.iter().enumerate() {
        let Some(text) = paragraph.as_str() else {
            return Err(fault(&format!("text[{index}]"), &format!("expected a string, found {}", kind(paragraph))));
        };
        // The first paragraph repeats the title.
        if index == 0 && text.trim() == title.trim() {
            continue;
        }
        lines.extend(plain(text.trim(), section_titles).filter(|line| !line.is_empty()));
    }
    Ok(RawDocument { id, title, text: lines.join("\n") })
}

/// A paragraph without its markup; nothing of a heading that is not wanted.
fn plain(paragraph: &str, section_titles: bool) -> Option<String> {
    if let Some(heading) = paragraph.strip_prefix("Section::::") {
        let parts: Vec<&str> = heading.trim_end_matches('.').split(".:").collect();
        return section_titles.then(|| parts.join(": "));
    }
    match paragraph.strip_prefix("BULLET::::") {
        Some(item) => Some(item.strip_prefix('-').unwrap_or(item).trim().to_owned()),
        None => Some(paragraph.to_owned()),
    }
}
