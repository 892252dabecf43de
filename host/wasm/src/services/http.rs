//! Services, as far as they are granted.

use std::io::Read;
use std::time::{Duration, Instant};

use ureq::http::{Method, Request};
use url::Url;

use crate::bindings::scaledown::plugin::http::{Host, Response};
use crate::bindings::scaledown::plugin::types::Error as WitError;
use crate::imports::{Answer, Imports};
use crate::services::patience::WaitTime;
use crate::services::permission::quoted;

/// The most bytes of a body.
const LONGEST: u64 = 64 << 20;

/// How long after its call a request ends by itself.
const SLACK: Duration = Duration::from_secs(1);

impl Host for Imports {
    fn send(&mut self, method: String, url: String, headers: Vec<(String, String)>, body: Vec<u8>) -> Answer<Response> {
        let service = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some((url, host)) = service.and_then(|url| authority(&url).map(|host| (url, host))) else {
            return Ok(Err(WitError::Input("expected the address of a service: http:// or https://, and a host".into())));
        };
        // A host that serves several names would answer for another one than is granted.
        if headers.iter().any(|(name, _)| name.trim().eq_ignore_ascii_case("host")) {
            return Ok(Err(WitError::Input("a request cannot set the header `host`; its address names the host".into())));
        }
        let granted = |allowed: &String| allowed == "*" || *allowed == host || Some(allowed.as_str()) == url.host_str();
        if !self.plugin.settings().permissions.http.iter().any(granted) {
            return Ok(Err(self.denied(&format!("send requests to {host}"), &format!("http = [{}]", quoted(&host)))));
        }
        let left = self.deadline.saturating_duration_since(Instant::now()) + SLACK;
        self.patiently(&format!("a request to {host}"), WaitTime::Call, move || {
            send(&method, url.as_str(), &headers, body, left).map_err(|error| WitError::Failed(format!("{host}: {error}")))
        })
    }
}

/// Host and port, where the address has one.
fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn send(method: &str, url: &str, headers: &[(String, String)], body: Vec<u8>, left: Duration) -> Result<Response, String> {
    let agent = ureq::Agent::config_builder().timeout_global(Some(left)).max_redirects(0).http_status_as_error(false).build();
    let agent = ureq::Agent::new_with_config(agent);
    let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
    let request =
        headers.iter().fold(Request::builder().method(method).uri(url), |request, (name, value)| request.header(name, value));
    let request = request.body(body).map_err(|error| error.to_string())?;
    let mut response = agent.run(request).map_err(|error| error.to_string())?;
    let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut body = Vec::new();
    let read = response.body_mut().as_reader().take(LONGEST + 1).read_to_end(&mut body);
    read.map_err(|error| error.to_string())?;
    if body.len() as u64 > LONGEST {
        return Err(format!("the answer is longer than {} MiB", LONGEST >> 20));
    }
    Ok(Response { status: response.status().as_u16(), headers, body })
}
