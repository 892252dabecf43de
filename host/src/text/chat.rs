//! A model's chat template: how it writes a conversation, in Jinja.

use std::path::Path;

use minijinja::{Environment, Error, ErrorKind, context};
use serde_json::Value;

use super::tokenizer::{TextError, token_text};

/// A chat template with the special tokens that it may name.
pub struct ChatTemplate {
    source: String,
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
        Ok(source.map(|source| ChatTemplate { source, bos: token("bos_token"), eos: token("eos_token") }))
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
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(python_string_method);
        environment.set_fuel(Some(100_000));
        environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        let template = environment.template_from_str(&self.source).map_err(failed)?;
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

/// The methods of Python's strings that chat templates call.
fn python_string_method(
    _: &minijinja::State<'_, '_>,
    value: &minijinja::Value,
    method: &str,
    args: &[minijinja::Value],
) -> Result<minijinja::Value, Error> {
    let unknown = || Error::from(ErrorKind::UnknownMethod);
    let text = value.as_str().ok_or_else(unknown)?;
    let argument = args.first().and_then(|argument| argument.as_str());
    Ok(match (method, argument) {
        ("strip", None) => text.trim().into(),
        ("lstrip", None) => text.trim_start().into(),
        ("rstrip", None) => text.trim_end().into(),
        ("upper", None) => text.to_uppercase().into(),
        ("lower", None) => text.to_lowercase().into(),
        ("startswith", Some(prefix)) => text.starts_with(prefix).into(),
        ("endswith", Some(suffix)) => text.ends_with(suffix).into(),
        ("split", Some(separator)) => text.split(separator).map(str::to_owned).collect::<Vec<_>>().into(),
        _ => return Err(unknown()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(source: &str) -> ChatTemplate {
        ChatTemplate { source: source.into(), bos: "<s>".into(), eos: "</s>".into() }
    }

    #[test]
    fn a_system_message_goes_where_the_template_puts_it() {
        let source = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m['content'].strip() }}{% endfor %}";
        assert_eq!(template(source).render("Be brief.", " Why? ").unwrap(), "<s>[system]Be brief.[user]Why?");
    }

    #[test]
    fn a_template_without_a_system_role_gets_one_message() {
        let source = "{% for m in messages %}{% if m.role != 'user' %}{{ raise_exception('only users') }}{% endif %}\
                      [INST] {{ m.content }} [/INST]{% endfor %}";
        assert_eq!(template(source).render("Be brief.", "Why?").unwrap(), "[INST] Be brief.\n\nWhy? [/INST]");
    }

    #[test]
    fn an_endless_template_is_stopped() {
        let source = "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}";
        assert!(template(source).render("", "Why?").is_err());
    }
}
