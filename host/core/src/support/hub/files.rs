//! Single files of the hub: a model's tokenizer, and the files of a dataset.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{DEFAULT_REVISION, HubError, HubSettings, RepoKind, Request, is_hub_id};

impl HubSettings {
    /// The `tokenizer.json` of `model`, which is a directory or a hub id; nothing else of the model
    /// is fetched.
    ///
    /// # Errors
    /// [`HubError`] says which model and what to do.
    pub fn tokenizer(&self, model: &str) -> Result<PathBuf, HubError> {
        let path = Path::new(model);
        if path.is_dir() || !is_hub_id(model) {
            return Ok(self.resolve(model, None)?.join("tokenizer.json"));
        }
        Request { settings: self, kind: RepoKind::Model, model, revision: DEFAULT_REVISION }.file("tokenizer.json")
    }

    /// The names of the files of a dataset, sorted. If the hub may not or cannot be asked, those
    /// of them that the cache holds.
    ///
    /// # Errors
    /// [`HubError`] says which dataset and what to do.
    pub fn dataset_files(&self, dataset: &str) -> Result<Vec<String>, HubError> {
        let request = self.dataset(dataset);
        let cached = || Some(request.cached_names()).filter(|names| !names.is_empty());
        let listed =
            if self.offline { Err(request.offline_error()) } else { request.client().and_then(|client| request.names(&client)) };
        let mut names = match listed {
            Err(error @ (HubError::Offline { .. } | HubError::Download { .. })) => cached().ok_or(error)?,
            other => other?,
        };
        names.sort();
        Ok(names)
    }

    /// A file of a dataset: that of the cache, or downloaded. Continues an interrupted download.
    /// Large files are verified with the hub's checksum.
    ///
    /// # Errors
    /// [`HubError`] says which dataset and what to do.
    pub fn dataset_file(&self, dataset: &str, file: &str) -> Result<PathBuf, HubError> {
        self.dataset(dataset).file(file)
    }

    fn dataset<'a>(&'a self, dataset: &'a str) -> Request<'a> {
        Request { settings: self, kind: RepoKind::Dataset, model: dataset, revision: DEFAULT_REVISION }
    }
}

impl Request<'_> {
    /// The files of the cached commit, by their paths from its root.
    fn cached_names(&self) -> Vec<String> {
        fn find(directory: &Path, prefix: &str, names: &mut Vec<String>) {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                // The files are links, which `is_dir` follows.
                if entry.path().is_dir() {
                    find(&entry.path(), &format!("{name}/"), names);
                } else if entry.path().exists() {
                    names.push(name);
                }
            }
        }
        let mut names = Vec::new();
        find(&self.snapshot(), "", &mut names);
        names
    }

    /// A file of the cache, or else of the hub.
    fn file(&self, file: &str) -> Result<PathBuf, HubError> {
        if let Some(path) = self.cached_file(file) {
            return Ok(path);
        }
        if self.settings.offline {
            return Err(self.offline_error());
        }
        let path = self.fetch(&self.client()?, file)?;
        self.verify(file, &path)?;
        Ok(path)
    }

    /// Compares a file with the name of its blob, which of a large file is the SHA-256 of the
    /// content. A file that differs is removed.
    fn verify(&self, file: &str, path: &Path) -> Result<(), HubError> {
        let failed = |error: std::io::Error| self.download_error(file, error.to_string());
        let blob = path.canonicalize().map_err(failed)?;
        let Some(expected) = blob.file_name().and_then(|name| name.to_str()).filter(|name| is_sha256(name)) else {
            return Ok(());
        };
        let found = File::open(&blob).and_then(sha256).map_err(failed)?;
        if found == expected {
            return Ok(());
        }
        std::fs::remove_file(path).and_then(|()| std::fs::remove_file(&blob)).map_err(failed)?;
        Err(self.download_error(file, format!("SHA-256 {found}, expected {expected}; try again")))
    }
}

/// The SHA-256 of a file's content, in hexadecimal.
fn sha256(mut content: File) -> std::io::Result<String> {
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn is_sha256(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
