//! A model's chat template: how it writes a conversation, in Jinja.

use std::path::Path;

use minijinja::{Environment, Error, ErrorKind, context};
use regex::Regex;
use serde_json::Value;

use super::tokenizer::{TextError, token_text};

/// What the template is called in messages about it.
const NAME: &str = "<string>";

/// A chat template with the special tokens that it may name.
pub struct ChatTemplate {
    /// The template, parsed; or what is wrong with it, which is said to those who use it.
    environment: Result<Environment<'static>, String>,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    /// The template of the model in `directory`: `chat_template.jinja`, or `chat_template` in `tokenizer_config.json`.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn from_directory(directory: &Path, tokenizer_config: &Value) -> Result<Option<Self>, TextError> {
        let path = directory.join("chat_template.jinja");
        let source = match std::fs::read_to_string(&path) {
            Ok(source) => Some(source),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => default_template(&tokenizer_config["chat_template"]),
            Err(error) => return Err(TextError::Tokenizer { path, message: error.to_string() }),
        };
        let token = |key: &str| token_text(&tokenizer_config[key]).unwrap_or_default();
        Ok(source.map(|source| ChatTemplate::new(&source, token("bos_token"), token("eos_token"))))
    }

    fn new(source: &str, bos: String, eos: String) -> Self {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.set_fuel(Some(100_000));
        environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", strftime_now);
        let parsed = environment.add_template_owned(NAME, without_generation_tags(source)).map_err(|error| error.to_string());
        ChatTemplate { environment: parsed.map(|()| environment), bos, eos }
    }

    /// The text of a conversation of an optional system message and one user message, up to where the answer begins. A template that
    /// knows no system role gets both in the user's message.
    ///
    /// # Errors
    /// [`TextError::Template`] if the template is malformed or refuses the conversation.
    pub fn render(&self, system: &str, user: &str) -> Result<String, TextError> {
        let user_only = |text: &str| vec![context! { role => "user", content => text }];
        if system.is_empty() {
            return self.render_messages(&user_only(user));
        }
        let mut messages = vec![context! { role => "system", content => system }];
        messages.extend(user_only(user));
        match self.render_messages(&messages) {
            Ok(text) if text.contains(system.trim()) => Ok(text),
            _ => self.render_messages(&user_only(&format!("{system}\n\n{user}"))),
        }
    }

    fn render_messages(&self, messages: &[minijinja::Value]) -> Result<String, TextError> {
        let failed = |error: Error| TextError::Template { what: "chat template", message: error.to_string() };
        let malformed = |message: &String| TextError::Template { what: "chat template", message: message.clone() };
        let template = self.environment.as_ref().map_err(malformed)?.get_template(NAME).map_err(failed)?;
        let text = template.render(context! {
            messages,
            add_generation_prompt => true,
            bos_token => self.bos,
            eos_token => self.eos,
        });
        text.map_err(failed)
    }
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

/// A template without the tags that mark an answer for the loss (`{% generation %}`), which only `transformers` knows and which write nothing.
fn without_generation_tags(source: &str) -> String {
    let tag = |names: &str, instead: &str, source: &str| {
        let pattern = format!(r"\{{%([-+]?)\s*{names}\s*([-+]?)%\}}");
        match Regex::new(&pattern) {
            // What stands instead trims white space as the tag did.
            Ok(pattern) => pattern.replace_all(source, format!("{{%$1 {instead} $2%}}")).into_owned(),
            Err(_) => source.to_owned(),
        }
    };
    tag("endgeneration", "endif", &tag("generation", "if true", source))
}

/// The present date and time in UTC, in the form that `strftime` describes (`%d %b %Y`).
fn strftime_now(format: &str) -> Result<String, Error> {
    let refused = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::InvalidOperation, format!("strftime_now cannot write {format:?}: {error}"))
    };
    let format = time::format_description::parse_strftime_owned(format).map_err(|error| refused(&error))?;
    time::OffsetDateTime::now_utc().format(&format).map_err(|error| refused(&error))
}

#[cfg(test)]
mod tests;
