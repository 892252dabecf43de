//! The keys of `[retriever]` with `plugin = "qdrant"`.

use scaledown_remote::{URL_EXPECTED, URL_PATTERN, VARIABLE_EXPECTED, VARIABLE_PATTERN};
use scaledown_splade::SpladeConfig;

/// The configuration of the `qdrant` retriever: its own keys, and those of the `splade` encoder beside them.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QdrantConfig {
    /// The address of the service's gRPC port, such as `http://localhost:6334`; `https` for TLS, which trusts what the system trusts and the
    /// certificates in the file that the environment variable `SSL_CERT_FILE` names. Nothing secret may stand in it.
    #[schemars(
        length(min = 1),
        extend("operational" = true, "pattern" = URL_PATTERN, "writeOnly" = true, "x-expected" = URL_EXPECTED)
    )]
    pub url: String,
    /// The collection. It is made where there is none.
    #[schemars(length(min = 1, max = 255))]
    pub collection: String,
    /// The name of the environment variable that holds the API key, in capitals. It must be set if it is named here; `QDRANT_API_KEY` is used
    /// where none is named, and an open service needs none.
    #[serde(default)]
    #[schemars(
        length(min = 1),
        extend("operational" = true, "pattern" = VARIABLE_PATTERN, "writeOnly" = true, "x-expected" = VARIABLE_EXPECTED)
    )]
    pub api_key_env: Option<String>,
    /// The seconds that a request may take.
    #[serde(default = "default_timeout")]
    #[schemars(extend("operational" = true, "exclusiveMinimum" = 0.0), range(max = 86400.0))]
    pub timeout: f64,
    /// How often a request is made again that failed in a way that passes. The waits double from half a second to a minute, each with up to as
    /// much again at random; a service that says how long to wait is believed.
    #[serde(default = "default_retries")]
    #[schemars(range(max = 100), extend("operational" = true))]
    pub retries: u32,
    /// The documents or queries that are encoded and sent at a time.
    #[serde(default = "default_batch_size")]
    #[schemars(range(min = 1, max = 10000), extend("operational" = true))]
    #[schemars(extend("renamed-from" = "batch"))]
    pub batch_size: usize,
    /// What makes sparse vectors of texts. It must stay the same for one collection.
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
