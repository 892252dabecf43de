//! Tokenizers as components use them: a conversation to tokens, and an answer's tokens to text.

use std::path::Path;

use scaledown_sdk::Error;
use scaledown_sdk::component::ChatTokenizer;

use crate::support::gguf::{GgufModel, is_gguf};

use super::tokenizer::{TextError, Tokenizer};

/// Opens the tokenizer of a model's directory or GGUF file, for a
/// [`TeacherContext`](scaledown_sdk::component::TeacherContext).
///
/// # Errors
/// As [`Tokenizer::from_directory`].
pub fn open_chat_tokenizer(directory: &Path) -> scaledown_sdk::Result<Box<dyn ChatTokenizer>> {
    let failed = |error: &dyn std::fmt::Display| Error::Config(error.to_string());
    if is_gguf(&directory.to_string_lossy()) {
        let model = GgufModel::open(directory).map_err(|error| failed(&error))?;
        return Ok(Box::new(Tokenizer::from_directory(model.directory()).map_err(|error| failed(&error))?));
    }
    Ok(Box::new(Tokenizer::from_directory(directory).map_err(|error| failed(&error))?))
}

impl Tokenizer {
    /// The text of a system message and a user's message: by the model's chat template if it has
    /// one and `template` is set, else the two with a blank line between them, or the user's alone
    /// where the system message is empty.
    ///
    /// # Errors
    /// [`TextError::Template`] if the chat template refuses the messages.
    pub fn conversation(&self, system: &str, user: &str, template: bool) -> Result<String, TextError> {
        match self.chat().filter(|_| template) {
            Some(chat) => chat.render(system, user),
            None if system.is_empty() => Ok(user.to_owned()),
            None => Ok(format!("{system}\n\n{user}")),
        }
    }
}

impl ChatTokenizer for Tokenizer {
    fn encode_chat(&self, system: &str, user: &str, template: bool) -> scaledown_sdk::Result<Vec<u32>> {
        let text = self.conversation(system, user, template);
        text.and_then(|text| self.encode(&text)).map_err(|error| Error::Input(error.to_string()))
    }

    fn decode(&self, ids: &[u32]) -> scaledown_sdk::Result<String> {
        self.decode_exactly(ids).map_err(|error| Error::Input(error.to_string()))
    }

    fn end_ids(&self) -> &[u32] {
        Tokenizer::end_ids(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tokenizer of whole words, with a chat template.
    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let vocabulary = serde_json::json!({"</s>": 0, "brief": 1, "why": 2, "[": 3, "]": 4, "[]": 5, "?": 6});
        let tokenizer = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null, "decoder": null,
            "added_tokens": [{"id": 0, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true}],
            "pre_tokenizer": {"type": "Whitespace"},
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "?"}
        });
        let config = serde_json::json!({
            "eos_token": "</s>", "chat_template": "{% for m in messages %}[ {{ m.content }} ] {% endfor %}"
        });
        std::fs::write(directory.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
        std::fs::write(directory.path().join("tokenizer_config.json"), config.to_string()).unwrap();
        directory
    }

    #[test]
    fn a_conversation_is_written_by_the_template_where_it_is_wanted() {
        let directory = directory();
        let tokenizer = open_chat_tokenizer(directory.path()).unwrap();
        assert_eq!(tokenizer.encode_chat("brief", "why", true).unwrap(), [3, 1, 4, 3, 2, 4]);
        assert_eq!(tokenizer.encode_chat("brief", "why", false).unwrap(), [1, 2]);
        assert_eq!(tokenizer.encode_chat("", "why", true).unwrap(), [3, 2, 4]);
        assert_eq!(tokenizer.encode_chat("", "why", false).unwrap(), [2]);
        assert_eq!(tokenizer.decode(&[2, 0]).unwrap(), "why");
        assert_eq!(tokenizer.end_ids(), [0]);
    }

    #[test]
    fn a_template_that_refuses_the_messages_is_an_error_of_the_input() {
        let directory = directory();
        let refusing = r#"{"eos_token": "</s>", "chat_template": "{{ raise_exception('no') }}"}"#;
        std::fs::write(directory.path().join("tokenizer_config.json"), refusing).unwrap();
        let tokenizer = open_chat_tokenizer(directory.path()).unwrap();
        let error = tokenizer.encode_chat("", "why", true).unwrap_err();
        assert!(matches!(&error, Error::Input(message) if message.contains("chat template cannot be rendered")), "{error}");
        assert_eq!(tokenizer.encode_chat("", "why", false).unwrap(), [2]);
    }

    #[test]
    fn a_missing_tokenizer_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = open_chat_tokenizer(directory.path()).err().unwrap();
        assert!(matches!(&error, Error::Config(message) if message.contains("tokenizer.json")), "{error}");
    }
}
