//! The service's address.

use scaledown_sdk::{Error, Result};

/// The URL that questions are sent to, of the base URL `endpoint`.
///
/// # Errors
/// If it is not a base URL, or could contain a secret.
pub(crate) fn chat_completions(endpoint: &str) -> Result<String> {
    scaledown_remote::check_url("teacher.endpoint", endpoint, "http://localhost:8000/v1", "teacher.api_key_env")?;
    let base = endpoint.trim_end_matches('/');
    if base.ends_with("/chat/completions") {
        return Err(Error::Config(format!("teacher.endpoint is {endpoint:?}, expected the base URL without /chat/completions")));
    }
    Ok(format!("{base}/chat/completions"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_completed_and_nothing_else() {
        for endpoint in ["http://host:8000/v1", "http://host:8000/v1/"] {
            assert_eq!(chat_completions(endpoint).unwrap(), "http://host:8000/v1/chat/completions");
        }
        for (endpoint, expected) in [("host:8000/v1", "is not a URL"), ("https://host/v1/chat/completions/", "without")] {
            let message = chat_completions(endpoint).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
