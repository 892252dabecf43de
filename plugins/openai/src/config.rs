//! The keys of `[teacher]` with `plugin = "openai"`.

use scaledown_remote::{URL_EXPECTED, URL_PATTERN, VARIABLE_EXPECTED, VARIABLE_PATTERN};
use serde_json::{Map, Value};

/// The configuration of the `openai` teacher.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenAiConfig {
    /// The base URL of the service, such as `http://localhost:8000/v1`. Nothing secret may stand in it.
    #[schemars(
        length(min = 1),
        extend("operational" = true, "pattern" = URL_PATTERN, "writeOnly" = true, "x-expected" = URL_EXPECTED)
    )]
    pub endpoint: String,
    /// The model's name, as the service lists it.
    #[schemars(length(min = 1))]
    pub model: String,
    /// The name of the environment variable that holds the key, in capitals. It must be set if it is named here; `OPENAI_API_KEY` is used where
    /// none is named, and a local service needs none.
    #[serde(default)]
    #[schemars(
        length(min = 1),
        extend("operational" = true, "pattern" = VARIABLE_PATTERN, "writeOnly" = true, "x-expected" = VARIABLE_EXPECTED)
    )]
    pub api_key_env: Option<String>,
    /// How many requests are under way at a time, over all questions that are being answered; one that waits to be made again is one of them.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 1024), extend("operational" = true))]
    pub concurrency: usize,
    /// The seconds that one request may take, from the connection to the reply's last byte.
    #[serde(default = "default_timeout")]
    #[schemars(extend("operational" = true, "exclusiveMinimum" = 0.0), range(max = 86400.0))]
    pub timeout: f64,
    /// How often a request is made again that failed in a way that passes (429, 5xx, a lost connection, no reply in time). The waits double from
    /// a second to a minute, each with up to as much again at random; a service that says how long to wait is believed, up to five minutes.
    #[serde(default = "default_retries")]
    #[schemars(range(max = 100), extend("operational" = true))]
    pub retries: u32,
    /// The most tokens of an answer.
    #[serde(default = "default_max_new_tokens")]
    #[schemars(range(min = 1))]
    pub max_new_tokens: u32,
    /// The request's key for the most tokens: what most services read, or what OpenAI's newer models want.
    #[serde(default)]
    pub token_limit: TokenLimit,
    /// How much chance there is in an answer; at 0 the likeliest token is taken.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: f64,
    /// The seed that the service is asked to use.
    #[serde(default)]
    pub seed: Option<i64>,
    /// More keys of the request, such as `{ top_p = 0.9 }`, or `{ chat_template_kwargs = { enable_thinking = false } }` for vLLM. Nothing secret may
    /// stand here: names such as `access_token` or `password` are refused.
    #[serde(default)]
    pub extra: Map<String, Value>,
}

/// The request's key for the most tokens of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenLimit {
    /// `max_tokens`, which most services read.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`, which OpenAI's newer models want.
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
