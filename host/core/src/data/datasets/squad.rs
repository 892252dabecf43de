//! SQuAD: <https://rajpurkar.github.io/SQuAD-explorer/>.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{Found, Original, found, json, text, texts};
use crate::data::records::{DataError, Fault, with_title};

/// A row of the hub's table.
pub(super) fn row(row: &Value) -> Result<Found, Fault> {
    let document = document(text(row, "/title")?, text(row, "/context")?);
    Ok(found(text(row, "/id")?.to_owned(), text(row, "/question")?, vec![document], texts(row, "/answers/text")?))
}

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    #[serde(default)]
    title: String,
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<Question>,
}

/// What v2.0 gives of a question that cannot be answered, `plausible_answers`, is not read.
#[derive(Deserialize)]
struct Question {
    id: String,
    question: String,
    #[serde(default)]
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
}

/// The questions of a file, v1.1 or v2.0.
pub(super) fn original(path: &Path) -> Result<Original, DataError> {
    let file: File = json(path)?;
    let paragraphs = file.data.into_iter().flat_map(|article| {
        let title = article.title;
        article.paragraphs.into_iter().map(move |paragraph| (document(&title, &paragraph.context), paragraph.qas))
    });
    Ok(Box::new(paragraphs.flat_map(|(document, questions)| {
        questions.into_iter().map(move |question| {
            let answers = question.answers.into_iter().map(|answer| answer.text);
            Ok(found(question.id, &question.question, vec![document.clone()], answers))
        })
    })))
}

/// Titles are those of pages' addresses.
fn document(title: &str, context: &str) -> String {
    with_title(&title.replace('_', " "), context.trim())
}
