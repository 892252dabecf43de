//! What a retriever keeps from one run to the next: values by name.

#[cfg(not(target_arch = "wasm32"))]
use std::path::PathBuf;

use crate::Result;

/// Values by name, in the directory of a retriever's index. In a component they are the host's to
/// keep, and those that are written while it indexes count once that has succeeded, all of them at
/// once.
#[derive(Clone, Debug)]
pub struct PluginStorage {
    #[cfg(not(target_arch = "wasm32"))]
    directory: PathBuf,
}

#[cfg(not(target_arch = "wasm32"))]
impl PluginStorage {
    /// The values in a directory, which may not exist yet.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        PluginStorage { directory: directory.into() }
    }

    /// What was written under a name; nothing if nothing was.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.directory.join(name);
        match std::fs::read(&path) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(crate::Error::io(&path, error)),
        }
    }

    /// Writes a value whole or not at all. A name is letters, digits, `-`, `_` and `.`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, value: &[u8]) -> Result<()> {
        let (path, new) = (self.directory.join(name), self.directory.join(format!(".{name}.new")));
        let put = || {
            std::fs::create_dir_all(&self.directory)?;
            std::fs::write(&new, value)?;
            std::fs::File::open(&new)?.sync_all()?;
            std::fs::rename(&new, &path)
        };
        put().map_err(|error| crate::Error::io(&path, error))
    }
}

#[cfg(target_arch = "wasm32")]
impl PluginStorage {
    /// What the host keeps for this component.
    pub(crate) fn of_host() -> Self {
        PluginStorage {}
    }

    /// What was written under a name; nothing if nothing was.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        crate::guest::bindings::scaledown::plugin::storage::read(name)
            .map_err(|error| crate::guest::error::from_host("storage", error))
    }

    /// Writes a value. A name is letters, digits, `-`, `_` and `.`.
    ///
    /// # Errors
    /// If it cannot be written, or outside of `index`.
    pub fn write(&self, name: &str, value: &[u8]) -> Result<()> {
        crate::guest::bindings::scaledown::plugin::storage::write(name, value)
            .map_err(|error| crate::guest::error::from_host("storage", error))
    }
}
