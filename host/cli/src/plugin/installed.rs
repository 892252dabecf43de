//! The plugins that are installed: their files by digest, and `plugins.lock`, which says what each
//! source was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::wasm::digest;
use scaledown_host::error::{Error, Result};
use scaledown_host::support::artifact;
use scaledown_sdk::files::{FileKind, read_text};

/// The file that says which plugins a project has. It belongs beside the project's configurations,
/// in version control.
pub(crate) const LOCK: &str = "plugins.lock";

/// The plugins of a project, by source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    /// What each source is.
    #[serde(default)]
    pub(crate) plugins: BTreeMap<String, Locked>,
}

/// One plugin of a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Locked {
    /// Where it was installed from.
    pub(crate) from: String,
    /// The SHA-256 of its file.
    pub(crate) sha256: String,
}

impl Lock {
    /// Reads the lock file of a directory; an empty one where there is none.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        match read_text(path, FileKind::Configuration) {
            Ok(text) => toml::from_str(&text).map_err(|error| Error::data(path.display(), error.message().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Lock::default()),
            Err(error) => Err(Error::io(path, error)),
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).map_err(Error::failed)?;
        let text = format!(
            "# Written by `scaledown plugin install`: the plugins of this project and the digests of their files.\n\n{text}"
        );
        Ok(artifact::write_file(path, text.as_bytes())?)
    }
}

/// The directory of all installed files.
fn directory() -> Result<PathBuf> {
    let data = dirs::data_dir().ok_or_else(|| Error::failed("this user has no directory for data; set HOME or XDG_DATA_HOME"))?;
    Ok(data.join("scaledown").join("plugins"))
}

/// The file of a digest.
pub(crate) fn file(sha256: &str) -> Result<PathBuf> {
    // A lock file comes with a project, and must not lead out of the directory.
    if sha256.len() != 64 || !sha256.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Error::data(LOCK, format!("{sha256:?} is not a SHA-256 digest; expected 64 hexadecimal digits")));
    }
    Ok(directory()?.join(format!("{sha256}.wasm")))
}

/// Puts a plugin's content among the installed files, and returns its digest.
pub(crate) fn store(content: &[u8]) -> Result<String> {
    let sha256 = digest(content);
    let path = file(&sha256)?;
    let parent = directory()?;
    std::fs::create_dir_all(&parent).map_err(|error| Error::io(&parent, error))?;
    artifact::write_file(&path, content)?;
    Ok(sha256)
}

/// The file that a source means, and its digest: what `plugins.lock` in the working directory says.
pub(crate) fn find(source: &str) -> Result<(PathBuf, String)> {
    let lock = Lock::read(Path::new(LOCK))?;
    let locked = lock.plugins.get(source).ok_or_else(|| {
        Error::failed(format!("{source} is not in {LOCK} here; `scaledown plugin install {source}` installs it"))
    })?;
    let path = file(&locked.sha256)?;
    match path.is_file() {
        true => Ok((path, locked.sha256.clone())),
        false => Err(Error::failed(format!(
            "{source} is in {LOCK} and not on this machine; `scaledown plugin install {}` installs it",
            locked.from
        ))),
    }
}
