//! The `openai` plugin: a teacher behind any service that speaks OpenAI's chat completions (vLLM,
//! TGI, SGLang, `transformers serve`, a vendor).
//!
//! A question is one request; those of a call are made side by side. Transient failures (429, 5xx,
//! a lost connection, a timeout) are retried with backoff; failures of a single question are errors
//! of that question; anything else ends the run with an error that says what to do. The key comes
//! from the environment, and stands in no configuration, error or log line of ours;
//! `RUST_LOG=trace` shows what the HTTP library sends.

mod call;
mod client;
mod config;
mod endpoint;
mod extra;
mod failure;
mod kept;
mod limit;
mod reply;
mod teacher;

pub use config::{OpenAiConfig, TokenLimit};
pub use teacher::OpenAi;

use scaledown_sdk::component::{Registration, inventory};

inventory::submit! {
    Registration::teacher::<OpenAi>("openai", "Asks any service that speaks OpenAI's chat completions: vLLM, TGI, SGLang, a vendor.")
}
