//! A model's chat template: how it writes a conversation, in Jinja.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use minijinja::{Value as Variable, context};
use regex::Regex;
use scaledown_sdk::files::{FileKind, read_text};
use serde_json::Value;

use super::jinja::{Style, Template};
use super::tokenizer::{TextError, read_json, token_text};

/// Stands in a system message's place, to see whether the template writes it.
const MARK: &str = "\u{E003}";

/// A chat template with the special tokens that it may name.
pub struct ChatTemplate {
    /// The parsed template, or its error for its users.
    template: Result<Template, String>,
    /// The file that it is in.
    place: PathBuf,
    tokens: Vec<(String, Variable)>,
}

impl ChatTemplate {
    /// The template of the model in `directory`: `chat_template.jinja`, or `chat_template` in
    /// `tokenizer_config.json`.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn from_directory(directory: &Path, tokenizer_config: &Value) -> Result<Option<Self>, TextError> {
        let path = directory.join("chat_template.jinja");
        let (source, place) = match read_text(&path, FileKind::Template) {
            Ok(source) => (Some(source), path),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                (default_template(&tokenizer_config["chat_template"]), directory.join("tokenizer_config.json"))
            }
            Err(error) => return Err(TextError::Tokenizer { path, message: error.to_string() }),
        };
        let Some(source) = source else { return Ok(None) };
        let mut tokens = special_tokens(&read_json(&directory.join("special_tokens_map.json"))?);
        tokens.extend(special_tokens(tokenizer_config));
        Ok(Some(ChatTemplate::new(&source, place, tokens)))
    }

    fn new(source: &str, place: PathBuf, tokens: Vec<(String, Variable)>) -> Self {
        ChatTemplate { template: Template::new(&without_generation_tags(source), Style::Chat), place, tokens }
    }

    /// The text of a conversation of an optional system message and one user message, up to where
    /// the answer begins. A template that knows no system role gets both in the user's message.
    ///
    /// # Errors
    /// [`TextError::Template`] if the template is malformed, refuses the conversation, or writes
    /// nothing of it.
    pub fn render(&self, system: &str, user: &str) -> Result<String, TextError> {
        let user_only = |text: &str| vec![context! { role => "user", content => text }];
        if system.is_empty() {
            return self.render_messages(&user_only(user));
        }
        let both = |system: &str| {
            let mut messages = vec![context! { role => "system", content => system }];
            messages.extend(user_only(user));
            self.render_messages(&messages)
        };
        let refused = match both(system) {
            Ok(text) if text.contains(system.trim()) => return Ok(text),
            // It may be written otherwise than it stands, as in JSON.
            Ok(text) if both(&format!("{system}{MARK}")).is_ok_and(|other| other != text) => return Ok(text),
            refused => refused.err(),
        };
        self.render_messages(&user_only(&format!("{system}\n\n{user}"))).map_err(|error| refused.unwrap_or(error))
    }

    fn render_messages(&self, messages: &[Variable]) -> Result<String, TextError> {
        let failed = |message: &str| TextError::Template {
            what: "chat template",
            message: format!("{}: {message}", self.place.display()),
        };
        // The variables that `transformers` passes for a prompt without tools and documents.
        let given = [
            ("messages", Variable::from(messages.to_vec())),
            ("tools", Variable::from(())),
            ("documents", Variable::from(())),
            ("add_generation_prompt", Variable::from(true)),
        ];
        let tokens = self.tokens.iter().map(|(name, token)| (name.as_str(), token.clone()));
        let template = self.template.as_ref().map_err(|message| failed(message))?;
        let text = template.render(tokens.chain(given).collect()).map_err(|message| failed(&message))?;
        if text.trim().is_empty() {
            return Err(failed("renders nothing for a question; expected a prompt that contains the question"));
        }
        Ok(text)
    }
}

/// The special tokens that a tokenizer's configuration names: `bos_token` and its like, and those
/// of a model's own.
fn special_tokens(config: &Value) -> Vec<(String, Variable)> {
    let named = config.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("_token"));
    let own = config["extra_special_tokens"].as_object().into_iter().flatten();
    let mut tokens: Vec<(String, Variable)> =
        named.chain(own).filter_map(|(name, token)| Some((name.clone(), Variable::from(token_text(token)?)))).collect();
    if let Some(added) = config["additional_special_tokens"].as_array() {
        let added: Vec<String> = added.iter().filter_map(token_text).collect();
        tokens.push(("additional_special_tokens".to_owned(), Variable::from(added)));
    }
    tokens
}

/// The template itself, or the one called `default` where a model has several.
fn default_template(value: &Value) -> Option<String> {
    match value {
        Value::String(source) => Some(source.clone()),
        Value::Array(templates) => templates
            .iter()
            .find(|template| template["name"] == "default")
            .and_then(|template| template["template"].as_str().map(str::to_owned)),
        _ => None,
    }
}

/// A template without the tags that mark an answer for the loss (`{% generation %}`), which only
/// `transformers` knows and which write nothing.
fn without_generation_tags(source: &str) -> String {
    let tag = |names: &str, instead: &str, source: &str| {
        let pattern = format!(r"\{{%([-+]?)\s*{names}\s*([-+]?)%\}}");
        match Regex::new(&pattern) {
            // The replacement trims white space as the tag did.
            Ok(pattern) => pattern.replace_all(source, format!("{{%$1 {instead} $2%}}")).into_owned(),
            Err(_) => source.to_owned(),
        }
    };
    tag("endgeneration", "endif", &tag("generation", "if true", source))
}

#[cfg(test)]
mod tests;
