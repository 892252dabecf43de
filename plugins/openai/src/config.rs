//! The keys of `[teacher]` with `plugin = "openai"`.

use scaledown_remote::{URL_EXPECTED, URL_PATTERN, VARIABLE_EXPECTED, VARIABLE_PATTERN};
use serde_json::{Map, Value};

/// The configuration of the `openai` teacher.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenAiConfig {
    /// The service's base URL, such as `http://localhost:8000/v1`. Must not contain secrets.
    #[schemars(
        length(min = 1),
        extend("operational" = true, "pattern" = URL_PATTERN, "writeOnly" = true, "x-expected" = URL_EXPECTED)
    )]
    pub endpoint: String,
    /// The model's name, as the service lists it.
    #[schemars(length(min = 1))]
    pub model: String,
    /// The environment variable that holds the key, in capitals. Default: `OPENAI_API_KEY`, if set.
    #[serde(default)]
    #[schemars(
        length(min = 1),
        extend("operational" = true, "pattern" = VARIABLE_PATTERN, "writeOnly" = true, "x-expected" = VARIABLE_EXPECTED)
    )]
    pub api_key_env: Option<String>,
    /// Maximum concurrent requests, including those that wait for a retry.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 1024), extend("operational" = true))]
    pub concurrency: usize,
    /// Request timeout, in seconds.
    #[serde(default = "default_timeout")]
    #[schemars(extend("operational" = true, "exclusiveMinimum" = 0.0), range(max = 86400.0))]
    pub timeout: f64,
    /// Retries after transient failures (429, 5xx, lost connection, timeout), with exponential
    /// backoff from 1 s to 60 s and jitter. The service's Retry-After is respected up to five
    /// minutes.
    #[serde(default = "default_retries")]
    #[schemars(range(max = 100), extend("operational" = true))]
    pub retries: u32,
    /// Maximum tokens of an answer.
    #[serde(default = "default_max_new_tokens")]
    #[schemars(range(min = 1))]
    pub max_new_tokens: u32,
    /// The request's key for `max_new_tokens`.
    #[serde(default)]
    pub token_limit: TokenLimit,
    /// The sampling temperature; 0 is greedy decoding.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: f64,
    /// The sampling seed.
    #[serde(default)]
    pub seed: Option<i64>,
    /// Additional keys of the request, such as `{ top_p = 0.9 }`, or
    /// `{ chat_template_kwargs = { enable_thinking = false } }` for vLLM. Must not contain secrets:
    /// names such as `access_token` or `password` are refused.
    #[serde(default)]
    pub extra: Map<String, Value>,
}

/// The request's key for the maximum tokens of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenLimit {
    /// `max_tokens`, for most services.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`, for OpenAI's newer models.
    MaxCompletionTokens,
}

impl TokenLimit {
    /// The key.
    pub(crate) fn key(self) -> &'static str {
        match self {
            TokenLimit::MaxTokens => "max_tokens",
            TokenLimit::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

fn default_concurrency() -> usize {
    8
}

fn default_timeout() -> f64 {
    300.0
}

fn default_retries() -> u32 {
    5
}

fn default_max_new_tokens() -> u32 {
    128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_refuses_what_could_be_secret_and_has_it_shown_nowhere() {
        let schema = schemars::schema_for!(OpenAiConfig).to_value();
        for (key, pattern) in [("endpoint", URL_PATTERN), ("api_key_env", VARIABLE_PATTERN)] {
            let property = &schema["properties"][key];
            assert_eq!((&property["pattern"], &property["writeOnly"]), (&pattern.into(), &true.into()), "{property}");
            assert!(property["x-expected"].is_string(), "{property}");
        }
    }
}
