//! One card, as a document.

use scaledown_sdk::component::CorpusDocument;
use scaledown_sdk::{Error, Result};

/// The document of a card's lines, of which `end` is the number of the line after the last, or 0 at
/// the end of the file.
pub(crate) fn read(file: &str, end: usize, lines: &[String]) -> Result<CorpusDocument> {
    let place = if end == 0 { file.to_owned() } else { format!("{file}:{}", end + 1 - lines.len()) };
    let id = lines.first().and_then(|line| line.strip_prefix("# ")).map(str::trim).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Error::Input(format!("{place}: expected `# name` as the first line of a card")))?;
    let title = id.split('-').map(capital).collect::<Vec<_>>().join(" ");
    let sentence = |line: &String| {
        let (attribute, value) = line.split_once(':')?;
        Some(format!("The {} of {title} is {}.", attribute.trim(), value.trim()))
    };
    let text: Vec<String> = lines.iter().skip(1).filter_map(sentence).collect();
    Ok(CorpusDocument { id: id.to_owned(), title, text: text.join(" ") })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
