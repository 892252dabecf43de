//! The keys of `[retriever]` with `plugin = "qdrant"`.

use scaledown_remote::{URL_EXPECTED, URL_PATTERN, VARIABLE_EXPECTED, VARIABLE_PATTERN};
use scaledown_splade::SpladeConfig;

/// The configuration of the `qdrant` retriever: its own keys, and those of the `splade` encoder
/// beside them.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QdrantConfig {
    /// The URL of the service's gRPC port, such as `http://localhost:6334`; `https` for TLS, with
    /// the system's certificates and those in `SSL_CERT_FILE`. Must not contain secrets.
    #[schemars(
        length(min = 1),
        extend("operational" = true, "pattern" = URL_PATTERN, "writeOnly" = true, "x-expected" = URL_EXPECTED)
    )]
    pub url: String,
    /// The collection. Created if missing.
    #[schemars(length(min = 1, max = 255))]
    pub collection: String,
    /// The environment variable that holds the API key, in capitals. Default: `QDRANT_API_KEY`, if
    /// set.
    #[serde(default)]
    #[schemars(
        length(min = 1),
        extend("operational" = true, "pattern" = VARIABLE_PATTERN, "writeOnly" = true, "x-expected" = VARIABLE_EXPECTED)
    )]
    pub api_key_env: Option<String>,
    /// Request timeout, in seconds.
    #[serde(default = "default_timeout")]
    #[schemars(extend("operational" = true, "exclusiveMinimum" = 0.0), range(max = 86400.0))]
    pub timeout: f64,
    /// Retries after transient failures, with exponential backoff from 0.5 s to 60 s and jitter.
    /// The service's Retry-After is respected.
    #[serde(default = "default_retries")]
    #[schemars(range(max = 100), extend("operational" = true))]
    pub retries: u32,
    /// Documents or queries per request.
    #[serde(default = "default_batch_size")]
    #[schemars(range(min = 1, max = 10000), extend("operational" = true))]
    #[schemars(extend("renamed-from" = "batch"))]
    pub batch_size: usize,
    /// The sparse encoder. Fixed for a collection.
    #[serde(flatten)]
    pub encoder: SpladeConfig,
}

fn default_timeout() -> f64 {
    60.0
}

fn default_retries() -> u32 {
    5
}

fn default_batch_size() -> usize {
    256
}
