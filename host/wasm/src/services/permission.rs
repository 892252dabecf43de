//! Refusals, which say what to write to be granted the same.

use std::path::{Path, PathBuf};

use scaledown_sdk::Error;

use crate::bindings::scaledown::plugin::types::Error as WitError;
use crate::imports::{Imports, refusal};
use crate::services::log::shortened;

impl Imports {
    /// The refusal of something that `[plugins.NAME.permissions]` would grant with the line `line`.
    /// The user is informed too: a component may keep it to itself.
    pub(crate) fn denied(&self, what: &str, line: &str) -> WitError {
        let plugin = self.plugin.name();
        let message = shortened(&format!("it may not {what}; to allow it, put `{line}` into [plugins.{plugin}.permissions]"));
        tracing::warn!(plugin, "{message}");
        WitError::Failed(message)
    }

    /// The file or directory that a component names, if it may read it.
    pub(crate) fn readable(&self, path: &str) -> Result<PathBuf, WitError> {
        let permissions = &self.plugin.settings().permissions;
        // What a key of the plugin names as a model is granted by that.
        let granted: Vec<&PathBuf> = permissions.read.iter().chain(&permissions.write).chain(&self.setting.models).collect();
        within(path, &granted).ok_or_else(|| self.denied(&format!("read {path}"), &format!("read = [{}]", quoted(path))))
    }

    /// The file that a component names, if it may write it.
    pub(crate) fn writable(&self, path: &str) -> Result<PathBuf, WitError> {
        let granted: Vec<&PathBuf> = self.plugin.settings().permissions.write.iter().collect();
        within(path, &granted).ok_or_else(|| self.denied(&format!("write {path}"), &format!("write = [{}]", quoted(path))))
    }
}

/// The place that `path` means, links followed, if it is within one of those that are granted.
fn within(path: &str, granted: &[&PathBuf]) -> Option<PathBuf> {
    let path = Path::new(path);
    let real = match path.canonicalize() {
        Ok(real) => real,
        // Making the file would follow a link that leads nowhere.
        Err(_) if path.is_symlink() => return None,
        // A file that is to be made must be in an existing directory.
        Err(_) => path.parent()?.canonicalize().ok()?.join(path.file_name()?),
    };
    let within = |root: &&PathBuf| root.canonicalize().is_ok_and(|root| real.starts_with(root)) || real == ***root;
    granted.iter().any(within).then_some(real)
}

/// A text as TOML writes it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An error of the file system, as the component hears of it.
pub(crate) fn io(path: &Path, error: std::io::Error) -> WitError {
    refusal(&Error::io(path, error))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_followed_before_it_is_granted() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("granted");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("file"), "x").unwrap();
        std::fs::write(place.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(place.path().join("secret"), root.join("link")).unwrap();
        std::os::unix::fs::symlink(place.path().join("new"), root.join("nowhere")).unwrap();
        let granted = |name: &str| within(root.join(name).to_str().unwrap(), &[&root]).is_some();
        assert!(granted("file") && granted("new") && granted("."));
        for outside in ["link", "nowhere", "../secret", "../new", "none/../../secret", "/"] {
            assert!(!granted(outside), "{outside}");
        }
    }
}
