//! The keys of `[retriever]` with `plugin = "milvus"`.

use std::path::PathBuf;

use scaledown_remote::{URL_EXPECTED, URL_PATTERN, VARIABLE_EXPECTED, VARIABLE_PATTERN};
use scaledown_splade::SpladeConfig;

/// The configuration of the `milvus` retriever: its own keys, and those of the `splade` encoder
/// beside them.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MilvusConfig {
    /// The service's URL, such as `http://localhost:19530`; `https` for TLS. Must not contain
    /// secrets.
    #[schemars(
        length(min = 1),
        extend("operational" = true, "pattern" = URL_PATTERN, "writeOnly" = true, "x-expected" = URL_EXPECTED)
    )]
    pub url: String,
    /// The collection: letters, digits and `_`. Created if missing.
    #[schemars(length(min = 1, max = 255))]
    pub collection: String,
    /// The database. Default: the service's.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub database: Option<String>,
    /// The environment variable that holds the token (`user:password` or an API key), in capitals.
    /// Default: `MILVUS_TOKEN`, if set.
    #[serde(default)]
    #[schemars(
        length(min = 1),
        extend("operational" = true, "pattern" = VARIABLE_PATTERN, "writeOnly" = true, "x-expected" = VARIABLE_EXPECTED)
    )]
    pub token_env: Option<String>,
    /// The CA certificate (PEM). Default: the system's.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("operational" = true, "format" = "path"))]
    pub ca_certificate: Option<PathBuf>,
    /// Request timeout, in seconds.
    #[serde(default = "default_timeout")]
    #[schemars(extend("operational" = true, "exclusiveMinimum" = 0.0), range(max = 86400.0))]
    pub timeout: f64,
    /// Retries after transient failures, with exponential backoff from 0.5 s to 60 s and jitter.
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
