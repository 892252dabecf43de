//! TriviaQA: <https://nlp.cs.washington.edu/triviaqa/>.

use std::path::{Path, PathBuf};

use scaledown_sdk::files::{FileKind, read_limited};
use serde::Deserialize;
use serde_json::Value;

use super::{DatasetItem, Original, elements, found, list, text, texts};
use crate::data::corpus::config::Chunking;
use crate::data::corpus::{Chunker, RawDocument};
use crate::data::records::{self, DataError, Fault, with_title};

/// The maximum documents per record, as in OSCAR's paper.
const DOCUMENTS: usize = 5;

/// A row of the hub's table.
pub(super) fn row(row: &Value) -> Result<DatasetItem, Fault> {
    let answers: Vec<String> =
        std::iter::once(text(row, "/answer/value")?.to_owned()).chain(texts(row, "/answer/aliases")?).collect();
    let mut pages = Vec::new();
    for (titles, texts) in
        [("/entity_pages/title", "/entity_pages/wiki_context"), ("/search_results/title", "/search_results/search_context")]
    {
        // Which of them there are depends on the configuration of the set.
        if let (Ok(titles), Ok(texts)) = (list(row, titles), list(row, texts)) {
            let page = |(title, text): (&Value, &Value)| Some((title.as_str()?.to_owned(), text.as_str()?.to_owned()));
            pages.extend(titles.iter().zip(texts).filter_map(page));
        }
    }
    Ok(example(text(row, "/question_id")?, text(row, "/question")?, &pages, answers))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TriviaQaQuestion {
    question_id: String,
    question: String,
    /// The test set has none.
    answer: Option<TriviaQaAnswer>,
    #[serde(default)]
    entity_pages: Vec<Page>,
    #[serde(default)]
    search_results: Vec<Page>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TriviaQaAnswer {
    value: String,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    title: String,
    filename: Option<String>,
    /// The search engine's snippet.
    description: Option<String>,
}

/// The questions of a file. The texts of their pages lie in `evidence/wikipedia` and
/// `evidence/web`, beside the file or beside its directory, as the archive unpacks; a page of the
/// web that is not there is stood for by what the search engine showed of it.
pub(super) fn original(path: &Path) -> Result<Original, DataError> {
    let evidence = evidence(path);
    Ok(Box::new(elements(path, "Data")?.map(move |question| -> Result<DatasetItem, DataError> {
        let question: TriviaQaQuestion = question?;
        let mut pages = Vec::new();
        for (kind, listed) in [("wikipedia", &question.entity_pages), ("web", &question.search_results)] {
            for page in listed {
                let text = read(evidence.as_deref().map(|root| root.join(kind)), page)?;
                pages.extend(text.or_else(|| page.description.clone()).map(|text| (page.title.clone(), text)));
            }
        }
        let answers = question.answer.into_iter().flat_map(|answer| std::iter::once(answer.value).chain(answer.aliases));
        Ok(example(&question.question_id, &question.question, &pages, answers.collect()))
    })))
}

fn evidence(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).take(2).map(|directory| directory.join("evidence")).find(|directory| directory.is_dir())
}

/// The text of a page, if it exists.
fn read(directory: Option<PathBuf>, page: &Page) -> Result<Option<String>, DataError> {
    let Some(path) = directory.zip(page.filename.as_ref()).map(|(directory, name)| directory.join(name)) else { return Ok(None) };
    let inside = page
        .filename
        .as_ref()
        .is_some_and(|name| Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_))));
    if !inside || !path.is_file() {
        return Ok(None);
    }
    let bytes = read_limited(records::open(&path)?, FileKind::Document).map_err(DataError::io(&path))?;
    // Some pages of the web are in other encodings.
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// A record of a question whose pages are long: of each, the first passage of 100 words that holds
/// an answer, or else the first; passages with an answer come first.
fn example(id: &str, query: &str, pages: &[(String, String)], answers: Vec<String>) -> DatasetItem {
    let lower: Vec<String> =
        answers.iter().map(|answer| answer.trim().to_lowercase()).filter(|answer| !answer.is_empty()).collect();
    let mut passages: Vec<(bool, String)> = pages
        .iter()
        .filter_map(|(title, text)| passage(text, &lower).map(|(hit, text)| (hit, with_title(title, &text))))
        .collect();
    passages.sort_by_key(|(hit, _)| !hit);
    let documents = passages.into_iter().take(DOCUMENTS).map(|(_, text)| text).collect();
    found(id.to_owned(), query, documents, answers)
}

fn passage(text: &str, answers: &[String]) -> Option<(bool, String)> {
    let document = RawDocument { text: text.to_owned(), ..RawDocument::default() };
    let chunks = Chunker::words(&Chunking::default()).chunks(&document).ok()?;
    let holds = |text: &str| {
        let text = text.to_lowercase();
        answers.iter().any(|answer| text.contains(answer))
    };
    let hit = chunks.iter().position(|chunk| holds(&chunk.text));
    chunks.into_iter().nth(hit.unwrap_or(0)).map(|chunk| (hit.is_some(), chunk.text))
}
