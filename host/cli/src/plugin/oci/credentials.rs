//! The user's names and passwords for registries, where `docker login` and others keep them.

use std::path::PathBuf;

use serde_json::Value;

/// The header with which a registry knows the user; nothing where the user has not logged in.
pub(super) fn basic(registry: &str) -> Option<String> {
    let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(dirs::home_dir()?.join(".docker")))?;
    let text = std::fs::read(directory.join("config.json")).ok()?;
    let config: Value = serde_json::from_slice(&text).ok()?;
    let auth = config.get("auths")?.get(registry)?.get("auth")?.as_str()?;
    (!auth.is_empty()).then(|| format!("Basic {auth}"))
}
