//! Turns a model's name into a local directory: a path is used directly, a hub id is found in the
//! cache or downloaded.

mod checkpoint;
mod client;
mod download;
mod files;
mod settings;

use std::path::{Path, PathBuf};

use client::{Client, ClientError};
use scaledown_sdk::files::{FileKind, read_text};
pub use settings::HubSettings;

/// The branch that is taken if no revision is asked for.
const DEFAULT_REVISION: &str = "main";

/// The kind of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepoKind {
    /// A model.
    Model,
    /// A dataset.
    Dataset,
}

impl RepoKind {
    /// The local alternative.
    fn instead(self) -> &'static str {
        match self {
            RepoKind::Model => "directory",
            RepoKind::Dataset => "copy (--from)",
        }
    }
}

impl std::fmt::Display for RepoKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            RepoKind::Model => "model",
            RepoKind::Dataset => "dataset",
        })
    }
}

/// Why a model could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// A path that is not there, or not a directory.
    #[error("model `{model}`: no such directory{hint}")]
    NoDirectory {
        /// The model, as the configuration names it.
        model: String,
        /// A hint at other meanings.
        hint: &'static str,
    },
    /// Downloads are switched off and the cache does not have the model.
    #[error(
        "{kind} `{model}` (revision {revision}) is not in the cache {cache}, and HF_HUB_OFFLINE forbids downloading it; \
         unset HF_HUB_OFFLINE, or give a local {instead}",
        instead = kind.instead()
    )]
    Offline {
        /// A model or a dataset.
        kind: RepoKind,
        /// The hub id.
        model: String,
        /// The branch, tag or commit.
        revision: String,
        /// The cache's directory.
        cache: String,
    },
    /// The hub has no such model, or not for this user.
    #[error(
        "{kind} `{model}` (revision {revision}): {endpoint} has no such {kind} or revision, or you may not read it (HF_TOKEN)"
    )]
    NotFound {
        /// A model or a dataset.
        kind: RepoKind,
        /// The hub id.
        model: String,
        /// The branch, tag or commit.
        revision: String,
        /// The hub.
        endpoint: String,
    },
    /// The environment says something of the hub that cannot be used.
    #[error("{0}")]
    Environment(String),
    /// The hub could not be asked, or a download failed.
    #[error("{kind} `{model}` (revision {revision}): could not download {what} from {endpoint}: {message}")]
    Download {
        /// A model or a dataset.
        kind: RepoKind,
        /// The hub id.
        model: String,
        /// The branch, tag or commit.
        revision: String,
        /// The file.
        what: Box<str>,
        /// The hub.
        endpoint: Box<str>,
        /// The reason.
        message: String,
    },
}

impl crate::error::Cause for HubError {}

impl HubSettings {
    /// The local directory of `model`, which is a directory or a hub id; `revision` is for a hub id
    /// only.
    ///
    /// Of a hub's model, the files that ScaleDown reads are fetched: JSON, tokenizers, chat
    /// templates and safetensors; never a pickle. If the hub cannot be reached but the cache holds
    /// a complete copy, that is used with a warning.
    ///
    /// # Errors
    /// [`HubError`] says which model and what to do.
    pub fn resolve(&self, model: &str, revision: Option<&str>) -> Result<PathBuf, HubError> {
        let path = Path::new(model);
        if path.is_dir() {
            return Ok(path.to_owned());
        }
        if !is_hub_id(model) {
            let hint = if path.is_absolute() { "" } else { ", and it is not a hub id such as `owner/name`" };
            return Err(HubError::NoDirectory { model: model.into(), hint });
        }
        let request = Request { settings: self, kind: RepoKind::Model, model, revision: revision.unwrap_or(DEFAULT_REVISION) };
        if self.offline {
            return request.cached().ok_or_else(|| request.offline_error());
        }
        match request.download() {
            Err(error @ HubError::Download { .. }) => match request.cached() {
                Some(directory) => {
                    tracing::warn!("{error}; using the cached copy");
                    Ok(directory)
                }
                None => Err(error),
            },
            other => other,
        }
    }
}

/// Whether `name` has the form of a hub id, `owner/name` or `name`.
pub(crate) fn is_hub_id(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let part_is_valid = |part: &&str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
    };
    parts.len() <= 2 && parts.iter().all(part_is_valid)
}

/// The files of a repository that ScaleDown reads, in the order in which to fetch them:
/// `config.json` last, so that it tells a complete copy. Files in subdirectories are other
/// frameworks' or examples, and so are weights beside those named `model*`.
fn wanted(mut files: Vec<String>) -> Vec<String> {
    const ENDINGS: [&str; 5] = [".json", ".safetensors", ".jinja", ".model", ".txt"];
    let is_weights = |file: &str| file.ends_with(".safetensors");
    let has_model = files.iter().any(|file| is_weights(file) && file.starts_with("model"));
    files.retain(|file| !file.contains('/') && ENDINGS.iter().any(|end| file.ends_with(end)));
    files.retain(|file| !(has_model && is_weights(file)) || file.starts_with("model"));
    files.sort_by_key(|file| file == "config.json");
    files
}

/// A repository of the hub, with the places where it may be found.
struct Request<'a> {
    settings: &'a HubSettings,
    kind: RepoKind,
    model: &'a str,
    revision: &'a str,
}

impl Request<'_> {
    /// The repository's directory in the cache.
    fn directory(&self) -> PathBuf {
        let prefix = match self.kind {
            RepoKind::Model => "models",
            RepoKind::Dataset => "datasets",
        };
        self.settings.cache.join(format!("{prefix}--{}", self.model.replace('/', "--")))
    }

    /// The directory of the commit that the revision stands for, as far as the cache knows.
    fn snapshot(&self) -> PathBuf {
        let directory = self.directory();
        // A commit is not a ref; its snapshot carries its name.
        let commit = read_text(&directory.join("refs").join(self.revision), FileKind::Manifest);
        directory.join("snapshots").join(commit.as_deref().unwrap_or(self.revision).trim())
    }

    /// The cached directory, if it holds a model: its configuration is fetched last.
    fn cached(&self) -> Option<PathBuf> {
        self.cached_file("config.json")?.parent().map(Path::to_owned)
    }

    fn cached_file(&self, file: &str) -> Option<PathBuf> {
        Some(self.snapshot().join(file)).filter(|path| path.exists())
    }

    fn client(&self) -> Result<Client, HubError> {
        let (endpoint, token) = self.settings.access()?;
        Client::new(&endpoint, token).map_err(|error| self.error("its index", &error))
    }

    /// The names of the repository's files.
    fn names(&self, client: &Client) -> Result<Vec<String>, HubError> {
        let kind = match self.kind {
            RepoKind::Model => "models",
            RepoKind::Dataset => "datasets",
        };
        let path: Vec<&str> = ["api", kind].into_iter().chain(self.model.split('/')).chain(["revision", self.revision]).collect();
        let info = client.json(&path).map_err(|error| self.error("its index", &error))?;
        let files = info["siblings"].as_array().into_iter().flatten();
        Ok(files.filter_map(|file| file["rfilename"].as_str().map(str::to_owned)).collect())
    }

    fn download(&self) -> Result<PathBuf, HubError> {
        let client = self.client()?;
        let mut directory = None;
        for file in wanted(self.names(&client)?) {
            directory = self.fetch(&client, &file)?.parent().map(Path::to_owned);
        }
        directory.ok_or_else(|| self.download_error("config.json", "the repository has no readable file".into()))
    }

    fn fetch(&self, client: &Client, file: &str) -> Result<PathBuf, HubError> {
        self.load(client, file).map_err(|error| self.error(file, &error))
    }

    fn error(&self, what: &str, error: &ClientError) -> HubError {
        match error {
            ClientError::Status(401 | 403 | 404) => {
                let (model, revision) = (self.model.into(), self.revision.into());
                HubError::NotFound { kind: self.kind, model, revision, endpoint: self.settings.shown_endpoint() }
            }
            other => self.download_error(what, other.to_string()),
        }
    }

    fn download_error(&self, what: &str, message: String) -> HubError {
        HubError::Download {
            kind: self.kind,
            model: self.model.into(),
            revision: self.revision.into(),
            what: what.into(),
            endpoint: self.settings.shown_endpoint().into(),
            message,
        }
    }

    fn offline_error(&self) -> HubError {
        HubError::Offline {
            kind: self.kind,
            model: self.model.into(),
            revision: self.revision.into(),
            cache: self.settings.cache.display().to_string(),
        }
    }
}

#[cfg(test)]
mod redirect_tests;
#[cfg(test)]
mod tests;
