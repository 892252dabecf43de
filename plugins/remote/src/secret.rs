//! A service's key, and how it stays unseen.

use std::path::Path;

use scaledown_sdk::files::{FileKind, read_text};
use scaledown_sdk::{Error, Result};
use secrecy::{ExposeSecret as _, SecretString};

/// The pattern of a JSON schema for a variable's name, as [`Secret::find`] takes it.
pub const VARIABLE_PATTERN: &str = "^[A-Z_][A-Z0-9_]*$";
/// [`VARIABLE_PATTERN`] in words. A schema has them under `x-expected`, beside a
/// `writeOnly` that keeps the value out of messages.
pub const VARIABLE_EXPECTED: &str = "the name of the environment variable (capitals, digits and `_`) that holds the secret";

/// A key or token, which is overwritten when it is dropped. Its `Debug` output and every text that
/// passes through [`Secret::redact`] are without it.
#[derive(Clone)]
pub struct Secret {
    value: SecretString,
    variable: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret(of ${})", self.variable)
    }
}

impl Secret {
    /// The value of the environment variable that the configuration's `key` names, which must be
    /// set, or of `default`, which may be unset.
    ///
    /// # Errors
    /// [`Error::Config`], without the value, if `named` is no variable's name, if that variable is
    /// not set, or if it holds more than a key.
    pub fn find(key: &str, named: Option<&str>, default: &str) -> Result<Option<Self>> {
        Self::read(key, named, default, |variable| std::env::var(variable).ok())
    }

    /// [`Secret::find`] in other variables than the environment's: `read` reads one.
    ///
    /// # Errors
    /// Those of [`Secret::find`].
    pub fn read(key: &str, named: Option<&str>, default: &str, read: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let variable = named.unwrap_or(default);
        if !is_variable(variable) {
            // The value is not shown: it may be the secret itself.
            return Err(Error::Config(format!(
                "{key} is not the name of an environment variable (capitals, digits and `_`, such as {default}); put the secret into that variable, not into the configuration"
            )));
        }
        let value = read(variable).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let Some(value) = value else {
            return match named {
                None => Ok(None),
                Some(named) => Err(Error::Config(format!(
                    "{key} names the environment variable {named}, which is not set; set it, or remove {key} if the service needs none"
                ))),
            };
        };
        Secret::of(value, variable, &format!("the environment variable {variable}")).map(Some)
    }

    /// The contents of the file at `path`; `None` if it is missing or blank.
    ///
    /// # Errors
    /// [`Error::Config`], without the value, if it holds more than a key.
    pub fn in_file(path: &Path) -> Result<Option<Self>> {
        let value = read_text(path, FileKind::Manifest).unwrap_or_default().trim().to_owned();
        if value.is_empty() {
            return Ok(None);
        }
        let place = path.display().to_string();
        Secret::of(value, &place, &place).map(Some)
    }

    fn of(value: String, variable: &str, place: &str) -> Result<Self> {
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Config(format!("{place} contains a space or an invalid character; set it to the key alone")));
        }
        Ok(Secret { value: value.into(), variable: variable.to_owned() })
    }

    /// The secret: printable ASCII without spaces.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.value.expose_secret()
    }

    /// The variable, or the file, that it came from.
    #[must_use]
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// `text` without the secret, which services repeat in rejections. It is also found where it is
    /// escaped as in JSON (`\u002d` for `-`), however often. Truncate texts afterwards: a part of
    /// the secret would not be found.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        // A secret of backslashes alone would be taken for its own escapes.
        let text = text.replace(self.expose(), REDACTED);
        let (mut shown, mut rest) = (String::with_capacity(text.len()), text.as_str());
        while let Some(first) = rest.chars().next() {
            if let Some(length) = escaped(self.expose(), rest) {
                shown.push_str(REDACTED);
                rest = &rest[length..];
            } else {
                shown.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        shown
    }
}

/// The replacement of a secret.
const REDACTED: &str = "[secret]";

/// The bytes that `secret`, printable ASCII, takes at the start of `text` where each of its
/// characters may be escaped.
fn escaped(secret: &str, text: &str) -> Option<usize> {
    let text = text.as_bytes();
    let mut at = 0;
    for &byte in secret.as_bytes() {
        let slashes = text[at..].iter().take_while(|&&byte| byte == b'\\').count();
        let after = &text[at + slashes..];
        let code = after.strip_prefix(b"u").filter(|_| slashes > 0).and_then(|hex| std::str::from_utf8(hex.get(..4)?).ok());
        if code.and_then(|code| u8::from_str_radix(code, 16).ok()) == Some(byte) {
            at += slashes + 5;
        } else if byte == b'\\' && slashes > 0 {
            at += slashes.min(2);
        } else if after.first() == Some(&byte) {
            at += slashes + 1;
        } else {
            return None;
        }
    }
    Some(at)
}

/// Capitals, digits and `_`: keys have small letters or `-`, so that one is not taken for a
/// variable.
fn is_variable(name: &str) -> bool {
    let letters = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    letters && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "sk-secret-0123456789abcdef";

    fn read(named: Option<&str>, value: Option<&str>) -> Result<Option<Secret>> {
        Secret::read("teacher.api_key_env", named, "OPENAI_API_KEY", |_| value.map(str::to_owned))
    }

    #[test]
    fn the_named_variable_must_be_set_and_the_default_one_need_not() {
        assert!(read(None, None).unwrap().is_none());
        assert!(read(None, Some("  ")).unwrap().is_none());
        let message = read(Some("TEAM_KEY"), None).unwrap_err().to_string();
        assert!(message.contains("teacher.api_key_env names the environment variable TEAM_KEY, which is not set"), "{message}");
        let secret = read(None, Some(&format!(" {VALUE}\n"))).unwrap().unwrap();
        assert_eq!((secret.expose(), secret.variable()), (VALUE, "OPENAI_API_KEY"));
    }

    #[test]
    fn a_secret_is_in_no_message() {
        for (named, value) in [(Some(VALUE), None), (Some("TEAM_KEY"), Some(format!("{VALUE} {VALUE}")))] {
            let message = read(named, value.as_deref()).unwrap_err().to_string();
            assert!(!message.contains(VALUE) && message.contains("environment variable"), "{message}");
        }
        let secret = read(None, Some(VALUE)).unwrap().unwrap();
        let shown = format!("{secret:?} {}", secret.redact(&format!("Incorrect API key provided: {VALUE}.")));
        assert!(!shown.contains(VALUE) && shown.contains("[secret]") && shown.contains("OPENAI_API_KEY"), "{shown}");
    }

    #[test]
    fn an_escaped_secret_is_found() {
        let secret = |value: &str| read(None, Some(value)).unwrap().unwrap();
        for (value, text) in [
            ("sk-a/b", r"no \u0073k\u002Da\/b."),
            ("sk-a/b", r"no sk\\u002da\\/b."),
            (r"a\b", r"no a\\b."),
            (r"a\b", r"no a\u005Cb."),
            (r#"a"b"#, r#"no a\"b."#),
            ("uuuuu", r"no \u0075uuu\u0075."),
        ] {
            assert_eq!(secret(value).redact(text), "no [secret].", "{value} in {text}");
        }
        for text in [r"é\u002d sk-a/", r"sk-é/b \u00", "sk-a/ü", r"sk\u012da/b"] {
            assert_eq!(secret("sk-a/b").redact(text), text);
        }
    }
}
