//! How plugins that come as files get into the registry.
//!
//! The library knows no WebAssembly: a program that runs plugins of that kind installs a
//! [`Loader`], as the command line does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use scaledown_sdk::component::Registration;
use scaledown_sdk::{Error, Result};

use super::files::{NamedComponent, PluginFile};
use super::registry;

/// A configuration's components that plugins may call, by name.
pub type Components = Arc<BTreeMap<String, NamedComponent>>;

/// Reads plugins from files.
pub trait Loader: Send + Sync {
    /// Reads the plugin `name`, and says what it offers. The same file with the same settings may
    /// give the same entries again.
    ///
    /// # Errors
    /// If the file cannot be read, or is no plugin that this host can run.
    fn load(&self, name: &str, file: &PluginFile, components: &Components) -> Result<Vec<&'static Registration>>;

    /// The file that `source` means, which was installed, and the SHA-256 that it must have.
    ///
    /// # Errors
    /// If there is none.
    fn installed(&self, source: &str) -> Result<(PathBuf, String)>;
}

static LOADER: OnceLock<Box<dyn Loader>> = OnceLock::new();

/// Installs what reads plugins from files. The first one stays.
pub fn install(loader: Box<dyn Loader>) {
    let _ = LOADER.set(loader);
}

/// Reads the plugin `name` of a configuration into the registry, in place of another of this name,
/// and returns the digest of its file.
///
/// # Errors
/// If this program runs no plugins from files; if the file cannot be read, or is no plugin that it
/// can run; or if a plugin of the same kind and name is linked in.
pub fn load(name: &str, file: &PluginFile, components: &Components) -> Result<String> {
    let loader = LOADER.get().ok_or_else(|| {
        Error::Config("this program runs no plugins from files; build with `--features wasm` (or `--features full`)".into())
    })?;
    let entries = loader.load(name, file, components)?;
    if let Some(entry) = entries.iter().find(|entry| registry::is_linked(entry.kind(), name)) {
        return Err(Error::Config(format!("there is a built-in {} plugin {name}; choose another name", entry.kind())));
    }
    let digest = entries.iter().find_map(|entry| entry.digest).unwrap_or_default().to_owned();
    registry::declare(name, &entries);
    Ok(digest)
}

/// The file that a plugin's `source` means, which was installed, and the SHA-256 that it must have.
///
/// # Errors
/// If this program installs no plugins, or this one is not installed.
pub fn installed(source: &str) -> Result<(PathBuf, String)> {
    let loader = LOADER.get().ok_or_else(|| Error::Config("this program installs no plugins".into()))?;
    loader.installed(source)
}
