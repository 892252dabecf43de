//! A service's key, and how it stays unseen.

use scaledown_sdk::{Error, Result};

/// A key or token. Its `Debug` output and every text that passes through [`Secret::redact`] are without it.
#[derive(Clone)]
pub struct Secret {
    value: String,
    variable: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret(of ${})", self.variable)
    }
}

impl Secret {
    /// What the environment variable holds that the configuration's `key` names, which must then be set; or what `default` holds, which need not
    /// be.
    ///
    /// # Errors
    /// [`Error::Config`], without the value, if `named` is no variable's name, if that variable is not set, or if it holds more than a key.
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
                "{key} does not hold the name of an environment variable (capitals, digits and `_`, such as {default}); the secret \
                 itself belongs into that variable, never into a configuration"
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
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Config(format!(
                "the environment variable {variable} holds a space or a character that no key has; set it to the key alone"
            )));
        }
        Ok(Some(Secret { value, variable: variable.to_owned() }))
    }

    /// The secret: printable ASCII without spaces.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// The variable that it came from.
    #[must_use]
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// `text` with the secret left out: services repeat it where they refuse it.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.value, "[secret]")
    }
}

/// Capitals, digits and `_`: keys have small letters or `-`, so that one is not taken for a variable.
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
}
