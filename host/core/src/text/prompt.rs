//! The generator's prompt: text with places for documents.

use minijinja::context;

use super::config::Prompt;
use super::jinja::{Style, Template};
use super::tokenizer::{TextError, Tokenizer};

/// A part of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Token ids.
    Text(Vec<u32>),
    /// The place of document `i`: its vectors, or its tokens where nothing is compressed.
    Document(usize),
}

/// Turns a query and a number of documents into the pieces of a prompt.
#[derive(Clone, Debug)]
pub struct PromptTemplate {
    prompt: Prompt,
    /// The user's message, parsed.
    user: Template,
    /// How each document is written, parsed.
    document: Option<Template>,
}

/// Private-use characters that stand around a document's number while the template is rendered.
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

impl PromptTemplate {
    /// Checks the templates of `prompt`.
    ///
    /// # Errors
    /// If the user's message cannot be rendered, or has no place for the query or the documents.
    pub fn new(prompt: &Prompt) -> Result<Self, TextError> {
        let user = Template::new(&prompt.user, Style::Prompt).map_err(failed)?;
        let document = prompt.document.as_deref().map(|text| Template::new(text, Style::Prompt)).transpose().map_err(failed)?;
        let template = PromptTemplate { prompt: prompt.clone(), user, document };
        let text = template.user_message("\u{E002}", 1)?;
        if text.matches('\u{E002}').count() != 1 {
            return Err(TextError::Placeholder("query"));
        }
        if text.matches(OPEN).count() != 1 {
            return Err(TextError::Placeholder("documents"));
        }
        Ok(template)
    }

    /// The pieces of the prompt for `query` over `documents` documents.
    ///
    /// # Errors
    /// If the model's chat template refuses the messages, or the tokenizer fails.
    pub fn pieces(&self, tokenizer: &Tokenizer, query: &str, documents: usize) -> Result<Vec<Piece>, TextError> {
        let clean = query.replace([OPEN, CLOSE], " ");
        let user = self.user_message(&clean, documents)?;
        let text = tokenizer.conversation(&self.prompt.system, &user, self.prompt.chat_template)?;
        split(&text).map(|part| part.encode(tokenizer)).filter(|piece| !is_empty(piece)).collect()
    }

    /// The user's message with the documents' texts in their places, for a model that reads it as
    /// text.
    ///
    /// # Errors
    /// If the template cannot be rendered.
    pub fn message(&self, query: &str, documents: &[String]) -> Result<String, TextError> {
        let clean = query.replace([OPEN, CLOSE], " ");
        let text = self.user_message(&clean, documents.len())?;
        let part = |part: Part<'_>| match part {
            Part::Text(text) => text.to_owned(),
            Part::Document(index) => documents.get(index).cloned().unwrap_or_default(),
        };
        Ok(split(&text).map(part).collect())
    }

    fn user_message(&self, query: &str, documents: usize) -> Result<String, TextError> {
        let place = |index: usize| {
            let document = format!("{OPEN}{index}{CLOSE}");
            match &self.document {
                Some(template) => template.render(context! { document, index }).map_err(failed),
                None => Ok(document),
            }
        };
        let places = (0..documents).map(place).collect::<Result<Vec<String>, _>>()?;
        let documents = places.join(&self.prompt.separator);
        self.user.render(context! { query, documents }).map_err(failed)
    }
}

fn failed(message: String) -> TextError {
    TextError::Template { what: "prompt", message }
}

enum Part<'a> {
    Text(&'a str),
    Document(usize),
}

impl Part<'_> {
    fn encode(&self, tokenizer: &Tokenizer) -> Result<Piece, TextError> {
        Ok(match self {
            Part::Text(text) => Piece::Text(tokenizer.encode(text)?),
            Part::Document(index) => Piece::Document(*index),
        })
    }
}

fn is_empty(piece: &Result<Piece, TextError>) -> bool {
    matches!(piece, Ok(Piece::Text(ids)) if ids.is_empty())
}

/// Splits a rendered prompt at its documents' places.
fn split(text: &str) -> impl Iterator<Item = Part<'_>> {
    text.split(OPEN).enumerate().flat_map(|(i, chunk)| {
        // Every chunk but the first begins with a document's number.
        let place = chunk.split_once(CLOSE).filter(|_| i > 0);
        let document = place.and_then(|(number, _)| number.parse().ok()).map(Part::Document);
        let rest = place.map_or(chunk, |(_, rest)| rest);
        document.into_iter().chain(std::iter::once(Part::Text(rest)))
    })
}
