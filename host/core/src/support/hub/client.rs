//! Requests of the hub. Secrets are sent to the hub's own address only, also after redirects.

use std::time::Duration;

use scaledown_remote::{Secret, proxy_from_environment};
use ureq::http::header::{ACCEPT_ENCODING, AUTHORIZATION, LOCATION, RANGE};
use ureq::http::{HeaderMap, HeaderValue, Response};
use ureq::{Agent, Body};
use url::Url;

/// The maximum redirects of a request.
const MOST_REDIRECTS: usize = 10;
/// The longest until a connection stands.
const CONNECT: Duration = Duration::from_secs(30);
/// The longest until an answer begins.
const BEGIN: Duration = Duration::from_secs(120);
/// The maximum bytes of a list of files.
const LONGEST_LIST: u64 = 256 << 20;

/// Why a request brought nothing. No message holds an address, which may be signed, or a key.
#[derive(Debug)]
pub(super) enum ClientError {
    /// The hub answered with this error status.
    Status(u16),
    /// Another reason.
    Other(String),
}

impl std::fmt::Display for ClientError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ClientError::Status(status) => write!(f, "HTTP {status}"),
            ClientError::Other(message) => f.write_str(message),
        }
    }
}

impl From<std::io::Error> for ClientError {
    fn from(error: std::io::Error) -> Self {
        ClientError::Other(error.to_string())
    }
}

/// The hub's description of a file.
#[derive(Debug)]
pub(super) struct Described {
    /// The commit that the file is of.
    pub(super) commit: String,
    /// The content's identity; the SHA-256 of a large file.
    pub(super) etag: String,
}

/// An answer, after all redirects.
pub(super) struct HubResponse {
    /// The answer with its body unread.
    pub(super) response: Response<Body>,
    /// The hub's description of the file, if it gave one.
    pub(super) described: Option<Described>,
}

/// A connection to the hub.
pub(super) struct Client {
    agent: Agent,
    endpoint: Url,
    authorization: Option<HeaderValue>,
    secrets: Vec<Secret>,
}

impl Client {
    /// A client of the hub at `endpoint`. A name and password in that are sent as such, in place of
    /// the token.
    pub(super) fn new(endpoint: &Url, token: Option<&Secret>) -> Result<Self, ClientError> {
        let failed = |error: scaledown_sdk::Error| ClientError::Other(error.to_string());
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(BEGIN))
            .proxy(proxy_from_environment().map_err(failed)?)
            .user_agent(concat!("scaledown/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let mut bare = endpoint.clone();
        let _ = bare.set_username("");
        let _ = bare.set_password(None);
        let value = match (endpoint.username(), endpoint.password(), token) {
            ("", None, None) => None,
            ("", None, Some(token)) => Some((format!("Bearer {}", token.expose()), token.variable().to_owned())),
            (name, password, _) => Some((basic(name, password.unwrap_or_default()), "HF_ENDPOINT".to_owned())),
        };
        let authorization = value.map(|(value, variable)| sensitive(&value, &variable)).transpose()?;
        Ok(Client { agent, endpoint: bare, authorization, secrets: token.cloned().into_iter().collect() })
    }

    /// The JSON at a path of the hub.
    pub(super) fn json(&self, path: &[&str]) -> Result<serde_json::Value, ClientError> {
        let mut response = self.get(path, None)?.response;
        let body = response.body_mut().with_config().limit(LONGEST_LIST).read_to_vec();
        let body = body.map_err(|error| self.transport(&error))?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Other(format!("the response is not valid JSON: {error}")))
    }

    /// Requests a path of the hub; of a file, the bytes of `range`, if the server supports ranges.
    pub(super) fn get(&self, path: &[&str], range: Option<&str>) -> Result<HubResponse, ClientError> {
        let mut url = self.url(path)?;
        let (mut at_home, mut described) = (true, None);
        for _ in 0..=MOST_REDIRECTS {
            let response = self.once(&url, range, at_home)?;
            if at_home && described.is_none() {
                described = describe(response.headers())?;
            }
            let status = response.status();
            match response.headers().get(LOCATION).filter(|_| status.is_redirection()) {
                Some(place) => {
                    let place = place.to_str().ok().and_then(|place| url.join(place).ok());
                    let mut place = place
                        .filter(|place| matches!(place.scheme(), "http" | "https"))
                        .ok_or_else(|| ClientError::Other("redirected to an invalid address".into()))?;
                    let _ = place.set_username("");
                    let _ = place.set_password(None);
                    // Who has left does not come back with the key: the way there is not the hub's
                    // any more.
                    at_home &= place.origin() == self.endpoint.origin();
                    url = place;
                }
                None if status.is_success() => return Ok(HubResponse { response, described }),
                None => return Err(ClientError::Status(status.as_u16())),
            }
        }
        Err(ClientError::Other(format!("redirected more than {MOST_REDIRECTS} times")))
    }

    fn once(&self, url: &Url, range: Option<&str>, at_home: bool) -> Result<Response<Body>, ClientError> {
        let mut request = self.agent.get(url.as_str());
        if let Some(range) = range {
            // Ranges are those of the file itself.
            request = request.header(RANGE, range).header(ACCEPT_ENCODING, "identity");
        }
        if let Some(authorization) = self.authorization.as_ref().filter(|_| at_home) {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.call().map_err(|error| self.transport(&error))
    }

    fn url(&self, path: &[&str]) -> Result<Url, ClientError> {
        let mut url = self.endpoint.clone();
        let no_base = || ClientError::Other("HF_ENDPOINT is not a base URL".into());
        url.path_segments_mut().map_err(|()| no_base())?.pop_if_empty().extend(path);
        Ok(url)
    }

    /// The text of a connection error, without addresses and keys.
    pub(super) fn transport(&self, error: &ureq::Error) -> ClientError {
        let message = match error {
            ureq::Error::BadUri(_) => "invalid address".to_owned(),
            ureq::Error::BodyExceedsLimit(limit) => format!("the response is longer than {limit} bytes"),
            other => other.to_string(),
        };
        ClientError::Other(self.secrets.iter().fold(message, |message, secret| secret.redact(&message)))
    }
}

/// A file's description from response headers; `None` for a redirect.
fn describe(headers: &HeaderMap) -> Result<Option<Described>, ClientError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(commit), Some(etag)) = (text("x-repo-commit"), text("x-linked-etag").or_else(|| text("etag"))) else {
        return Ok(None);
    };
    let etag = etag.trim().trim_start_matches("W/").trim_matches('"');
    for (what, value) in [("X-Repo-Commit", commit), ("ETag", etag)] {
        // They become names of files.
        let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+'));
        if !plain || value.bytes().all(|byte| byte == b'.') || value.len() > 200 {
            return Err(ClientError::Other(format!("invalid response header {what}")));
        }
    }
    Ok(Some(Described { commit: commit.to_owned(), etag: etag.to_owned() }))
}

/// A header that logs do not show; `variable` contains it.
fn sensitive(value: &str, variable: &str) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        ClientError::Other(format!("environment variable {variable} contains characters that are not allowed in a header"))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A name and password, percent-encoded as in a URL, as HTTP sends them.
fn basic(name: &str, password: &str) -> String {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let both = [decoded(name), vec![b':'], decoded(password)].concat();
    format!("Basic {}", base64::engine::Engine::encode(&base64::engine::general_purpose::STANDARD, both))
}
