//! SQuAD: <https://rajpurkar.github.io/SQuAD-explorer/>.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{DatasetItem, Original, elements, found, text, texts};
use crate::data::records::{DataError, Fault, with_title};

/// A row of the hub's table.
pub(super) fn row(row: &Value) -> Result<DatasetItem, Fault> {
    let document = document(text(row, "/title")?, text(row, "/context")?);
    Ok(found(text(row, "/id")?.to_owned(), text(row, "/question")?, vec![document], texts(row, "/answers/text")?))
}

#[derive(Deserialize)]
struct SquadArticle {
    #[serde(default)]
    title: String,
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<SquadQuestion>,
}

/// Ignores v2.0's `plausible_answers` of unanswerable questions.
#[derive(Deserialize)]
struct SquadQuestion {
    id: String,
    question: String,
    #[serde(default)]
    answers: Vec<SquadAnswer>,
}

#[derive(Deserialize)]
struct SquadAnswer {
    text: String,
}

/// The questions of a file, v1.1 or v2.0.
pub(super) fn original(path: &Path) -> Result<Original, DataError> {
    Ok(Box::new(elements(path, "data")?.flat_map(|article: Result<SquadArticle, DataError>| match article {
        Ok(article) => article.questions().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    })))
}

impl SquadArticle {
    fn questions(self) -> impl Iterator<Item = DatasetItem> {
        let SquadArticle { title, paragraphs } = self;
        paragraphs.into_iter().flat_map(move |Paragraph { context, qas }| {
            let document = document(&title, &context);
            qas.into_iter().map(move |question| {
                let answers = question.answers.into_iter().map(|answer| answer.text);
                found(question.id, &question.question, vec![document.clone()], answers)
            })
        })
    }
}

/// Titles are those of pages' addresses.
fn document(title: &str, context: &str) -> String {
    with_title(&title.replace('_', " "), context.trim())
}
