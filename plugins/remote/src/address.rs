//! The address of a service.

use scaledown_sdk::{Error, Result};

/// The pattern of a JSON schema for what [`check_url`] allows.
pub const URL_PATTERN: &str = r"^https?://[^/?#@\s]+(/[^?#\s]*)?$";
/// [`URL_PATTERN`] in words. A schema has them under `x-expected`, beside a
/// `writeOnly` that keeps the value out of messages.
pub const URL_EXPECTED: &str = "an http or https URL without user name, password, query or fragment";

/// Checks that `url`, the value of the configuration's `key`, is an `http` or `https` URL with
/// nothing in it that could be secret: it is shown in messages. `example` is a valid one, and
/// `secret` the key that names the secret's variable.
///
/// # Errors
/// [`Error::Config`], without the URL, if it is not.
pub fn check_url(key: &str, url: &str, example: &str, secret: &str) -> Result<()> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Error::Config(format!("{key} is not a URL; expected one such as {example:?}")));
    }
    if host.contains('@') || url.contains(['?', '#']) {
        return Err(Error::Config(format!(
            "{key} contains a user name, password, query or fragment; expected a URL such as {example:?}; put secrets into the environment variable that {secret} names"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_refused_and_not_shown() {
        let check = |url: &str| check_url("retriever.url", url, "http://localhost:1", "retriever.token_env");
        for url in ["http://localhost:1", "https://host.example/a@b", "http://[::1]:80/v1/"] {
            check(url).unwrap();
        }
        for url in ["", "localhost:1", "ftp://host", "http://", "https:///v1", "http://a b"] {
            let message = check(url).unwrap_err().to_string();
            assert!(
                message.contains("retriever.url is not a URL; expected one such as \"http://localhost:1\""),
                "{url}: {message}"
            );
        }
        for url in ["https://me:hidden@host/v1", "https://host/v1?key=hidden", "https://host?hidden", "https://host/v1#hidden"] {
            let message = check(url).unwrap_err().to_string();
            assert!(!message.contains("hidden") && message.contains("that retriever.token_env names"), "{url}: {message}");
        }
    }
}
