//! Requests and their retries.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backon::ExponentialBuilder;
use scaledown_remote::{GaveUp, Secret, proxy_from_environment, retry, seconds};
use scaledown_sdk::{Error, Result};
use ureq::Agent;
use ureq::http::HeaderValue;
use ureq::http::header::AUTHORIZATION;

use crate::failure::Failure;
use crate::{OpenAiConfig, endpoint, reply};

/// The maximum bytes of a reply.
const LONGEST_REPLY: u64 = 16 << 20;
/// The longest until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection to the service.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    key: Option<Secret>,
    timeout: f64,
    backoff: ExponentialBuilder,
    answered: AtomicUsize,
    /// How many questions in a row failed in spite of all tries.
    failed_in_a_row: AtomicUsize,
}

/// The consecutive questions that may fail after all retries; one more means that the service does
/// not work.
const MOST_IN_A_ROW: usize = 3;

impl Client {
    /// A client of the configured service. Nothing is sent yet.
    ///
    /// # Errors
    /// If the address or the key cannot be used.
    pub(crate) fn new(config: &OpenAiConfig, key: Option<Secret>, first_wait: Duration) -> Result<Self> {
        let timeout = seconds("teacher.timeout", config.timeout)?;
        let agent = Agent::config_builder()
            .timeout_global(Some(timeout))
            .timeout_connect(Some(timeout.min(CONNECT)))
            .http_status_as_error(false)
            .proxy(proxy_from_environment()?)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(config.concurrency)
            .max_idle_connections_per_host(config.concurrency)
            .user_agent(concat!("scaledown/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let backoff = scaledown_remote::backoff(first_wait, config.retries);
        Ok(Client {
            agent,
            url: endpoint::chat_completions(&config.endpoint)?,
            key,
            timeout: config.timeout,
            backoff,
            answered: AtomicUsize::new(0),
            failed_in_a_row: AtomicUsize::new(0),
        })
    }

    /// Sends the request `body` and returns the answer. Retries transient failures until the
    /// retries are used up, the process is to stop, or the answer is `unwanted`. `question` is its
    /// question, as messages call it.
    ///
    /// # Errors
    /// [`Error::Input`] if the service refuses this request; [`Error::Plugin`] if it serves none,
    /// or not in time. Neither holds the key.
    pub(crate) fn ask(&self, body: &[u8], question: &str, unwanted: impl Fn() -> bool) -> Result<String> {
        let transient = |failure: &Failure| match failure {
            Failure::Transient { wait, .. } => Some(*wait),
            Failure::Request(_) | Failure::Service(_) => None,
        };
        let before = self.answered.load(Ordering::Relaxed);
        let asked = retry(self.backoff, || self.attempt(body), transient, unwanted);
        if asked.is_ok() {
            self.answered.fetch_add(1, Ordering::Relaxed);
            self.failed_in_a_row.store(0, Ordering::Relaxed);
        }
        asked.map_err(|GaveUp { error, calls, interrupted }| match error {
            Failure::Transient { message, .. } if !interrupted && self.works_for_others(before) => {
                let message =
                    format!("the question {question:?} cannot be answered by {}: {message} (tried {calls} times)", self.url);
                Error::Input(self.without_key(&message))
            }
            Failure::Request(message) => {
                let message = format!("the question {question:?} cannot be answered by {}: {message}", self.url);
                Error::Input(self.without_key(&message))
            }
            Failure::Transient { message, .. } if interrupted => {
                self.failed(&format!("interrupted while waiting to retry, after {message}"))
            }
            Failure::Service(message) | Failure::Transient { message, .. } if calls > 1 => {
                self.failed(&format!("{message} (tried {calls} times; teacher.retries allows more)"))
            }
            Failure::Service(message) | Failure::Transient { message, .. } => self.failed(&message),
        })
    }

    /// Whether a question that failed in spite of all tries is that question's own fault: others
    /// were answered meanwhile, of which there had been `before`, or were before it and few have
    /// failed since.
    fn works_for_others(&self, before: usize) -> bool {
        let in_a_row = self.failed_in_a_row.fetch_add(1, Ordering::Relaxed);
        let answered = self.answered.load(Ordering::Relaxed);
        answered > before || (answered > 0 && in_a_row < MOST_IN_A_ROW)
    }

    /// One request and its reply.
    fn attempt(&self, body: &[u8]) -> std::result::Result<String, Failure> {
        let mut request = self.agent.post(&self.url).header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, authorization(key)?);
        }
        let transport = |error: ureq::Error| Failure::of_transport(&error, self.timeout);
        let mut response = request.send(body).map_err(transport)?;
        let status = response.status();
        let read = response.body_mut().with_config().limit(LONGEST_REPLY).read_to_vec();
        if status.is_success() {
            return reply::answer(&read.map_err(transport)?, self.key.as_ref());
        }
        // The status alone says what to do where the rest of the reply is lost.
        let body = read.unwrap_or_default();
        let words = reply::complaint(&body, self.key.as_ref());
        match status.as_u16() {
            status @ (401 | 403) => Err(Failure::Service(self.refused(status, &words))),
            status => Err(Failure::of_status(status, response.headers(), &words, reply::is_spent(&body))),
        }
    }

    fn refused(&self, status: u16, words: &str) -> String {
        match &self.key {
            Some(key) => format!(
                "the service rejected the key in environment variable {} (HTTP {status}{words}); check the key and its access to the model",
                key.variable()
            ),
            None => format!(
                "the service requires a key (HTTP {status}{words}); set environment variable OPENAI_API_KEY, or the one that teacher.api_key_env names"
            ),
        }
    }

    fn failed(&self, message: &str) -> Error {
        Error::Plugin { plugin: "openai".into(), message: self.without_key(&format!("{}: {message}", self.url)) }
    }

    fn without_key(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact(text))
    }
}

/// The header's value, which says of itself that no log is to show it.
fn authorization(key: &Secret) -> std::result::Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose())).map_err(|_| {
        Failure::Service(format!("environment variable {} contains characters that are not allowed in a header", key.variable()))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_headers_are_without_the_key() {
        let secret =
            Secret::read("teacher.api_key_env", None, "OPENAI_API_KEY", |_| Some("sk-secret-01".into())).unwrap().unwrap();
        let value = authorization(&secret).unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer sk-secret-01");
        assert_eq!(format!("{value:?}"), "Sensitive");
    }
}
