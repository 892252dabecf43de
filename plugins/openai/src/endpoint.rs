//! The service's address.

use scaledown_sdk::{Error, Result};
use ureq::http::Uri;

/// The URL that questions are sent to, of the base URL `endpoint`.
///
/// # Errors
/// If it is no `http` or `https` URL, or holds a name and password or a query, which could be secret and would be shown.
pub(crate) fn chat_completions(endpoint: &str) -> Result<String> {
    let parsed: Option<Uri> = endpoint.trim_end_matches('/').parse().ok();
    let Some(uri) = parsed.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https"))) else {
        return Err(Error::Config(
            "teacher.endpoint is no URL; expected the service's base URL, such as \"http://localhost:8000/v1\"".into(),
        ));
    };
    // `Uri` drops a fragment; the rest is judged as it was written, and not shown.
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) || endpoint.contains(['?', '#']) {
        return Err(Error::Config(
            "teacher.endpoint holds a name and password, a query or a fragment; expected a base URL alone, such as \
             \"https://host/v1\": a key belongs into the environment variable that teacher.api_key_env names"
                .into(),
        ));
    }
    if uri.path().ends_with("/chat/completions") {
        return Err(Error::Config(format!(
            "teacher.endpoint is {endpoint}, expected the base URL that comes before /chat/completions"
        )));
    }
    Ok(format!("{}/chat/completions", endpoint.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_completed() {
        for endpoint in ["http://host:8000/v1", "http://host:8000/v1/"] {
            assert_eq!(chat_completions(endpoint).unwrap(), "http://host:8000/v1/chat/completions");
        }
    }

    #[test]
    fn anything_else_is_refused_without_what_may_be_secret() {
        let told = |endpoint: &str| chat_completions(endpoint).unwrap_err().to_string();
        for endpoint in ["", "localhost:8000/v1", "ftp://host/v1", "http://", "https://host/v1/chat/completions"] {
            assert!(told(endpoint).contains("expected the"), "{endpoint}: {}", told(endpoint));
        }
        for endpoint in ["https://me:hidden@host/v1", "https://host/v1?key=hidden", "https://host/v1#hidden"] {
            let message = told(endpoint);
            assert!(!message.contains("hidden") && message.contains("expected a base URL alone"), "{endpoint}: {message}");
        }
    }
}
