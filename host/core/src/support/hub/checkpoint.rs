//! A published compressor's repository, pickles and subdirectories included.

use std::path::{Path, PathBuf};

use super::{DEFAULT_REVISION, HubError, HubSettings, RepoKind, Request, is_hub_id};

/// What is fetched of it: no code, and no pictures.
const ENDINGS: [&str; 8] = [".json", ".safetensors", ".jinja", ".model", ".txt", ".pth", ".pt", ".md"];

impl HubSettings {
    /// The local directory of a published compressor, which is a directory or a hub id. As
    /// [`HubSettings::resolve`], but with pickles, which the importer reads without running them,
    /// and with subdirectories.
    ///
    /// # Errors
    /// [`HubError`] says which model and what to do.
    pub fn checkpoint(&self, model: &str, revision: Option<&str>) -> Result<PathBuf, HubError> {
        if Path::new(model).is_dir() || !is_hub_id(model) {
            return self.resolve(model, revision);
        }
        let request = Request { settings: self, kind: RepoKind::Model, model, revision: revision.unwrap_or(DEFAULT_REVISION) };
        if self.offline {
            return request.cached().ok_or_else(|| request.offline_error());
        }
        let client = request.client()?;
        let mut files = request.names(&client)?;
        files.retain(|file| ENDINGS.iter().any(|end| file.ends_with(end)));
        // The configuration last, so that it tells a complete copy.
        files.sort_by_key(|file| file == "config.json");
        for file in &files {
            request.fetch(&client, file)?;
        }
        request.cached().ok_or_else(|| request.download_error("config.json", "the repository has no such file".into()))
    }
}
