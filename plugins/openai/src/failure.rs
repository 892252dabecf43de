//! The failures of a request and their consequences.

use std::time::{Duration, SystemTime};

use ureq::http::{HeaderMap, header::RETRY_AFTER};

/// The longest that a service is believed about how long to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Why a request brought no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The same request may succeed later; after `wait`, if the service said so.
    Transient {
        /// The message.
        message: String,
        /// How long the service wants to be left alone at least.
        wait: Duration,
    },
    /// This request will never succeed; others may.
    Request(String),
    /// No request will succeed.
    Service(String),
}

impl Failure {
    /// The failure for a status other than 2xx, with the service's `words`.
    pub(crate) fn of_status(status: u16, headers: &HeaderMap, words: &str, spent: bool) -> Self {
        let said = format!("HTTP {status}{words}");
        match status {
            429 if spent => Failure::Service(format!("{said}; the account's quota is exhausted")),
            408 | 429 | 500..=599 => {
                Failure::Transient { message: said, wait: wait(headers, SystemTime::now()).unwrap_or_default() }
            }
            300..=399 => {
                let place = headers.get("location").and_then(|place| place.to_str().ok()).unwrap_or("elsewhere");
                let place = place.split(['?', '#']).next().unwrap_or_default();
                Failure::Service(format!(
                    "{said}: redirected to {place}; a key is sent to the configured endpoint only; set teacher.endpoint to the new address"
                ))
            }
            404 | 405 => Failure::Service(format!(
                "{said}; check that teacher.endpoint is the base URL (usually ending in /v1), and that the service has the model teacher.model"
            )),
            400..=499 => Failure::Request(said),
            _ => Failure::Service(said),
        }
    }

    /// The failure for a connection error.
    pub(crate) fn of_transport(error: &ureq::Error, timeout: f64) -> Self {
        let message = match error {
            ureq::Error::Timeout(_) => format!("no response within teacher.timeout = {timeout} seconds"),
            // A certificate that is refused comes as an error of the connection.
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
                return Failure::Service(format!("the connection is not trusted: {io}"));
            }
            ureq::Error::Io(io) => format!("the connection failed: {io}"),
            ureq::Error::HostNotFound => "host not found".into(),
            ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => format!("the connection failed: {error}"),
            ureq::Error::BodyExceedsLimit(limit) => {
                return Failure::Service(format!("the reply is longer than {limit} bytes"));
            }
            other => return Failure::Service(format!("the request failed: {other}")),
        };
        Failure::Transient { message, wait: Duration::ZERO }
    }
}

/// The delay of `Retry-After`: seconds, or until a date.
fn wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_seconds_or_dates_and_never_endless() {
        let now = httpdate::parse_http_date("Fri, 01 Aug 2025 10:00:00 GMT").unwrap();
        let asked = |value: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            wait(&headers, now).map(|wait| wait.as_secs_f64())
        };
        assert_eq!(asked("3"), Some(3.0));
        assert_eq!(asked("0.25"), Some(0.25));
        assert_eq!(asked("Fri, 01 Aug 2025 10:00:07 GMT"), Some(7.0));
        assert_eq!(asked("Fri, 01 Aug 2025 09:00:00 GMT"), Some(0.0));
        assert_eq!(asked("86400"), Some(300.0));
        assert_eq!((asked("soon"), asked("-1"), asked("nan")), (None, None, None));
    }
}
