//! A registry's calls (OCI distribution specification 1.1).

use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::{Request, Response, header};
use ureq::{Agent, Body};

use super::credentials::basic;
use super::reference::Reference;
use crate::wasm::digest;
use scaledown_host::error::{Error, Result};
use scaledown_sdk::files::FileKind;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";

/// The most bytes of a manifest.
const LONGEST_MANIFEST: u64 = 4 << 20;

/// A registry.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    reference: Reference,
    /// What is done there, as the registry calls it.
    access: &'static str,
    /// What the registry gave for the user's name, or anonymously.
    authorization: Option<String>,
}

/// What is published.
pub(crate) struct Published<'a> {
    /// The plugin's file.
    pub(crate) content: &'a [u8],
    /// What it imports and exports.
    pub(crate) imports: &'a [String],
    pub(crate) exports: &'a [String],
    /// Annotations by their names in `org.opencontainers.image`; empty ones are left out.
    pub(crate) annotations: Vec<(&'static str, String)>,
    /// When, as RFC 3339 writes it.
    pub(crate) created: String,
}

impl Client {
    /// The registry of a plugin. `plain` speaks HTTP without encryption, as to a registry on this
    /// machine.
    pub(crate) fn new(reference: &Reference, plain: bool) -> Self {
        let local = ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|host| reference.registry.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')));
        let scheme = if plain || local { "http" } else { "https" };
        let agent = Agent::config_builder().timeout_global(Some(Duration::from_secs(600))).http_status_as_error(false).build();
        Client {
            agent: Agent::new_with_config(agent),
            base: format!("{scheme}://{}", reference.registry),
            reference: reference.clone(),
            access: "pull",
            authorization: None,
        }
    }

    /// Publishes a plugin. An existing version with other content is refused.
    pub(crate) fn publish(&mut self, published: &Published<'_>) -> Result<()> {
        self.access = "pull,push";
        let layer = format!("sha256:{}", digest(published.content));
        if let Some(there) = self.manifest()? {
            return match layer_of(&there) {
                Some((digest, _)) if digest == layer => Ok(()),
                _ => Err(self
                    .failed("this version is there with other content; a published version never changes, so choose a new one")),
            };
        }
        let config = json!({
            "created": published.created,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [layer],
            "component": { "exports": published.exports, "imports": published.imports, "target": null },
        });
        let config = serde_json::to_vec(&config).map_err(Error::failed)?;
        let config_digest = format!("sha256:{}", digest(&config));
        self.upload(&layer, published.content)?;
        self.upload(&config_digest, &config)?;
        let annotations: serde_json::Map<String, Value> = published
            .annotations
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (format!("org.opencontainers.image.{name}"), value.as_str().into()))
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "digest": config_digest, "size": config.len() },
            "layers": [{ "mediaType": LAYER, "digest": layer, "size": published.content.len() }],
            "annotations": annotations,
        });
        let manifest = serde_json::to_vec(&manifest).map_err(Error::failed)?;
        let url = self.url(&format!("manifests/{}", self.reference.version));
        let response = self.call("PUT", &url, &[(header::CONTENT_TYPE.as_str(), MANIFEST)], &manifest)?;
        self.expect(&response, &[201], "the manifest").map(drop)
    }

    /// Downloads a plugin, and checks that it has the digest that the registry's manifest names.
    pub(crate) fn download(&mut self) -> Result<Vec<u8>> {
        let manifest = self.manifest()?.ok_or_else(|| self.failed("there is no such plugin or version"))?;
        let (expected, size) = layer_of(&manifest).ok_or_else(|| self.failed("not a WebAssembly component"))?;
        if size > FileKind::Component.limit() {
            return Err(self.failed("it is larger than a plugin can be"));
        }
        let url = self.url(&format!("blobs/{expected}"));
        let mut response = self.call("GET", &url, &[], &[])?;
        self.expect(&response, &[200], "the file")?;
        let content = response.body_mut().with_config().limit(size + 1).read_to_vec();
        let content = content.map_err(|error| self.failed(&error.to_string()))?;
        let found = format!("sha256:{}", digest(&content));
        if found != expected {
            return Err(self.failed(&format!("the registry sent a file of {found}, expected {expected}")));
        }
        Ok(content)
    }

    /// The manifest of the version, if there is one.
    fn manifest(&mut self) -> Result<Option<Value>> {
        let url = self.url(&format!("manifests/{}", self.reference.version));
        let mut response = self.call("GET", &url, &[(header::ACCEPT.as_str(), MANIFEST)], &[])?;
        if response.status() == 404 {
            return Ok(None);
        }
        self.expect(&response, &[200], "the manifest")?;
        let text = response.body_mut().with_config().limit(LONGEST_MANIFEST).read_to_vec();
        let text = text.map_err(|error| self.failed(&error.to_string()))?;
        serde_json::from_slice(&text).map(Some).map_err(|error| self.failed(&format!("its manifest is not valid: {error}")))
    }

    /// Uploads content, unless it is there.
    fn upload(&mut self, digest: &str, content: &[u8]) -> Result<()> {
        let blob = self.url(&format!("blobs/{digest}"));
        if self.call("HEAD", &blob, &[], &[])?.status() == 200 {
            return Ok(());
        }
        let start = self.url("blobs/uploads/");
        let response = self.call("POST", &start, &[], &[])?;
        self.expect(&response, &[202], "the upload")?;
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| self.failed("the registry does not say where to upload to"))?;
        let location = if location.starts_with('/') { format!("{}{location}", self.base) } else { location.to_owned() };
        let between = if location.contains('?') { '&' } else { '?' };
        let url = format!("{location}{between}digest={digest}");
        let response = self.call("PUT", &url, &[(header::CONTENT_TYPE.as_str(), "application/octet-stream")], content)?;
        self.expect(&response, &[201], "the upload").map(drop)
    }

    /// Whether an address is the registry's.
    fn is_own(&self, url: &str) -> bool {
        url.strip_prefix(&self.base).is_some_and(|rest| rest.starts_with('/'))
    }

    fn url(&self, rest: &str) -> String {
        format!("{}/v2/{}/{rest}", self.base, self.reference.repository)
    }

    /// A call; where the registry asks who calls, it is repeated with the answer.
    fn call(&mut self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response<Body>> {
        let response = self.send(method, url, headers, body)?;
        if response.status() != 401 || self.authorization.is_some() {
            return Ok(response);
        }
        let challenge = response.headers().get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        self.authorization = self.authorize(challenge.unwrap_or_default())?;
        self.send(method, url, headers, body)
    }

    fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response<Body>> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // Elsewhere than at the registry, the credentials are not sent.
        if let Some(authorization) = self.authorization.as_ref().filter(|_| self.is_own(url)) {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let sent = match body.is_empty() && method != "POST" && method != "PUT" {
            true => request.body(()).map_err(Error::failed).map(|request| self.agent.run(request))?,
            false => request.body(body).map_err(Error::failed).map(|request| self.agent.run(request))?,
        };
        sent.map_err(|error| self.failed(&error.to_string()))
    }

    /// What to say when asked who calls: a token of the service that the challenge names, or the
    /// user's name itself.
    fn authorize(&self, challenge: &str) -> Result<Option<String>> {
        let own = basic(&self.reference.registry);
        let Some(parameters) = challenge.strip_prefix("Bearer ") else { return Ok(own) };
        let parameter = |name: &str| {
            let found = parameters.split(',').filter_map(|part| part.trim().split_once('=')).find(|(key, _)| *key == name);
            found.map(|(_, value)| value.trim_matches('"').to_owned())
        };
        let Some(realm) = parameter("realm") else { return Ok(own) };
        let mut url = url::Url::parse(&realm).map_err(Error::failed)?;
        if url.scheme() != "https" && !self.base.starts_with("http:") {
            return Err(self.failed("the registry sends the user's name to an address without encryption"));
        }
        let scope = format!("repository:{}:{}", self.reference.repository, self.access);
        url.query_pairs_mut().append_pair("service", &parameter("service").unwrap_or_default()).append_pair("scope", &scope);
        let mut request = Request::builder().method("GET").uri(url.as_str());
        if let Some(own) = &own {
            request = request.header(header::AUTHORIZATION, own);
        }
        let request = request.body(()).map_err(Error::failed)?;
        let mut response = self.agent.run(request).map_err(|error| self.failed(&error.to_string()))?;
        self.expect(&response, &[200], "the token")?;
        let text = response.body_mut().with_config().limit(LONGEST_MANIFEST).read_to_vec();
        let text = text.map_err(|error| self.failed(&error.to_string()))?;
        let token: Value = serde_json::from_slice(&text).map_err(|error| self.failed(&error.to_string()))?;
        let token = token.get("token").or_else(|| token.get("access_token")).and_then(Value::as_str);
        Ok(token.map(|token| format!("Bearer {token}")))
    }

    fn expect(&self, response: &Response<Body>, statuses: &[u16], what: &str) -> Result<()> {
        let status = response.status().as_u16();
        if statuses.contains(&status) {
            return Ok(());
        }
        let hint = if status == 401 || status == 403 { "; `docker login` keeps the name and password that it wants" } else { "" };
        Err(self.failed(&format!("the registry answered {} to {what}{hint}", response.status())))
    }

    fn failed(&self, message: &str) -> Error {
        Error::failed(format!("{}: {message}", self.reference))
    }
}

/// The digest and size of a manifest's layer, if it is a component's manifest.
fn layer_of(manifest: &Value) -> Option<(String, u64)> {
    let [layer] = manifest.get("layers")?.as_array()?.as_slice() else { return None };
    let digest = layer.get("digest")?.as_str()?;
    let plain = digest.strip_prefix("sha256:")?;
    let whole = plain.len() == 64 && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
    (whole && layer.get("mediaType")?.as_str()? == LAYER).then(|| Some((digest.to_owned(), layer.get("size")?.as_u64()?)))?
}
