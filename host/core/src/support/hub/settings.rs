//! The hub's settings from the environment.

use std::path::PathBuf;

use scaledown_remote::Secret;
use url::Url;

use super::HubError;

/// The hub that is asked if `HF_ENDPOINT` does not name another.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Where models come from and are kept.
#[derive(Clone)]
pub struct HubSettings {
    /// The cache's directory, in the layout that the hub's other clients use.
    pub cache: PathBuf,
    /// The hub's address. A name and password in it are sent to it and shown nowhere.
    pub endpoint: String,
    /// Whether nothing may be downloaded.
    pub offline: bool,
    /// The user's access token.
    pub token: Option<Secret>,
    /// Why the token is unusable; reported at the first request.
    pub problem: Option<String>,
    /// Whether downloads show their progress.
    pub progress: bool,
}

impl std::fmt::Debug for HubSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Settings");
        shown.field("cache", &self.cache).field("endpoint", &self.shown_endpoint()).field("offline", &self.offline);
        shown.field("token", &self.token).finish_non_exhaustive()
    }
}

impl HubSettings {
    /// The values of `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HF_TOKEN` and
    /// `HF_TOKEN_PATH`. Values are trimmed; blank variables count as not set.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    /// [`HubSettings::from_environment`] of other variables: `variable` reads one.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let home = set("HF_HOME").map(PathBuf::from);
        let home = home.unwrap_or_else(|| dirs::home_dir().unwrap_or_default().join(".cache").join("huggingface"));
        let stored = || Secret::in_file(&set("HF_TOKEN_PATH").map_or_else(|| home.join("token"), PathBuf::from));
        let token = Secret::read("HF_TOKEN", None, "HF_TOKEN", set);
        let token = token.and_then(|token| token.map_or_else(stored, |token| Ok(Some(token))));
        HubSettings {
            cache: set("HF_HUB_CACHE").map_or_else(|| home.join("hub"), PathBuf::from),
            endpoint: set("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.into()),
            offline: set("HF_HUB_OFFLINE")
                .is_some_and(|value| ["1", "true", "yes", "on"].contains(&value.to_lowercase().as_str())),
            problem: token.as_ref().err().map(|error| match error {
                scaledown_sdk::Error::Config(message) => message.clone(),
                other => other.to_string(),
            }),
            token: token.ok().flatten(),
            progress: std::io::IsTerminal::is_terminal(&std::io::stderr()),
        }
    }

    /// The hub's address as messages show it: without what may be secret in it.
    #[must_use]
    pub fn shown_endpoint(&self) -> String {
        let Ok(url) = self.url() else { return "HF_ENDPOINT".to_owned() };
        let (host, path) = (url.host_str().unwrap_or_default(), url.path().trim_end_matches('/'));
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}{path}", url.scheme())
    }

    /// The hub's address and the token, if they can be used.
    pub(super) fn access(&self) -> Result<(Url, Option<&Secret>), HubError> {
        match &self.problem {
            Some(problem) => Err(HubError::Environment(problem.clone())),
            None => Ok((self.url()?, self.token.as_ref())),
        }
    }

    fn url(&self) -> Result<Url, HubError> {
        let url = Url::parse(self.endpoint.trim()).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.ok_or_else(|| {
            HubError::Environment(format!(
                "environment variable HF_ENDPOINT is not an http or https URL, such as {DEFAULT_ENDPOINT}; fix or unset it"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> HubSettings {
        HubSettings::read(|name| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn values_are_trimmed_and_blank_ones_are_not_set() {
        let settings = read(&[
            ("HF_HOME", " /home/hf \n"),
            ("HF_ENDPOINT", " http://hub:1/ \n"),
            ("HF_TOKEN", "\thf_secret\n"),
            ("HF_HUB_OFFLINE", " 1\n"),
        ]);
        assert_eq!((settings.cache.to_str(), settings.endpoint.as_str()), (Some("/home/hf/hub"), "http://hub:1/"));
        assert_eq!((settings.token.unwrap().expose(), settings.offline), ("hf_secret", true));
        let blank = read(&[("HF_HOME", "/nowhere"), ("HF_HUB_CACHE", "  "), ("HF_ENDPOINT", "\n"), ("HF_TOKEN", " ")]);
        assert_eq!((blank.cache.to_str(), blank.endpoint.as_str()), (Some("/nowhere/hub"), DEFAULT_ENDPOINT));
        assert!(blank.token.is_none() && blank.problem.is_none());
    }

    #[test]
    fn what_cannot_be_sent_is_reported_by_its_place_alone() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().to_str().unwrap();
        for token in ["hidden\u{e9}", "hidden hidden", "hid\u{0}den"] {
            let settings = read(&[("HF_HOME", home), ("HF_TOKEN", token)]);
            let message = settings.access().unwrap_err().to_string();
            assert!(message.starts_with("the environment variable HF_TOKEN contains") && !message.contains("hid"), "{message}");
        }
        std::fs::write(directory.path().join("token"), "hf_\u{e9}").unwrap();
        let message = read(&[("HF_HOME", home)]).access().unwrap_err().to_string();
        assert!(message.starts_with(home) && message.contains("token contains"), "{message}");
        std::fs::write(directory.path().join("token"), " hf_stored\n").unwrap();
        assert_eq!(read(&[("HF_HOME", home)]).token.unwrap().expose(), "hf_stored");
    }

    #[test]
    fn what_may_be_secret_in_the_address_is_shown_nowhere() {
        for (endpoint, shown) in [
            ("https://me:hidden@hub.example:8443/mirror/", "https://hub.example:8443/mirror"),
            ("https://hidden@hub.example?key=hidden#hidden", "https://hub.example"),
            ("hidden", "HF_ENDPOINT"),
            ("ftp://me:hidden@host", "HF_ENDPOINT"),
        ] {
            let settings = read(&[("HF_ENDPOINT", endpoint), ("HF_TOKEN", "hf_hidden")]);
            assert_eq!(settings.shown_endpoint(), shown);
            let debug = format!("{settings:?} {:?}", settings.access().err());
            assert!(!debug.contains("hidden"), "{debug}");
        }
    }
}
