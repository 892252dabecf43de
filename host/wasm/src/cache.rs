//! Compiled components on disk, so that a plugin is compiled once.
//!
//! A file is named after the component's content, and what the engine and its settings make of it.
//! It holds machine code, which runs as the host itself: only files of the user's own are read,
//! from a directory that only the user may write.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The bytes of the checksum before the machine code.
const CHECKSUM: usize = 32;

/// The component of these bytes, whose SHA-256 is `digest`: from the cache, or compiled and put
/// there. Ignores a cache that cannot be used.
pub(crate) fn compiled(engine: &Engine, bytes: &[u8], digest: &str, cache: Option<&Path>) -> wasmtime::Result<Component> {
    let file = cache.and_then(|cache| place(engine, digest, cache));
    if let Some(component) = file.as_deref().and_then(|file| load(engine, file)) {
        return Ok(component);
    }
    let component = Component::from_binary(engine, bytes)?;
    if let Some(file) = file
        && let Err(error) = store(&component, &file)
    {
        tracing::debug!(file = %file.display(), %error, "a compiled component was not kept");
    }
    Ok(component)
}

/// The file of a component in the cache; nothing if the directory is not the user's own.
fn place(engine: &Engine, digest: &str, cache: &Path) -> Option<PathBuf> {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    std::fs::create_dir_all(cache).ok()?;
    private(cache).then(|| cache.join(format!("{digest}-{:016x}.cwasm", hasher.finish())))
}

/// Whether only the user may write to a directory, after it was made so.
#[cfg(unix)]
fn private(directory: &Path) -> bool {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let owner = |path: &Path| std::fs::metadata(path).map(|found| found.uid()).ok();
    // A directory that one makes is one's own.
    let own = tempfile::tempfile_in(directory).and_then(|file| file.metadata()).map(|found| found.uid()).ok();
    own.is_some()
        && own == owner(directory)
        && std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).is_ok()
}

#[cfg(not(unix))]
fn private(_directory: &Path) -> bool {
    true
}

/// Whether a file in the directory is the user's own, and only the user may write to it: another
/// one's may be left from before the directory was made private.
#[cfg(unix)]
fn own(file: &File, directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(user) = std::fs::metadata(directory).map(|found| found.uid()) else { return false };
    file.metadata().is_ok_and(|found| found.is_file() && found.uid() == user && found.mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn own(_file: &File, _directory: &Path) -> bool {
    true
}

fn load(engine: &Engine, file: &Path) -> Option<Component> {
    let directory = file.parent().unwrap_or(Path::new("."));
    let mut open = File::open(file).ok().filter(|open| own(open, directory))?;
    let mut content = Vec::new();
    open.read_to_end(&mut content).ok()?;
    let (checksum, code) = content.split_at_checked(CHECKSUM)?;
    if Sha256::digest(code).as_slice() != checksum {
        return None;
    }
    // SAFETY: the file is this user's own, lies in a directory that only this user writes to, and
    // holds what `store` wrote: its checksum fits.
    unsafe { Component::deserialize(engine, code) }.ok()
}

fn store(component: &Component, file: &Path) -> std::io::Result<()> {
    let code = component.serialize().map_err(|error| std::io::Error::other(error.to_string()))?;
    let directory = file.parent().unwrap_or(Path::new("."));
    let mut written = tempfile::NamedTempFile::new_in(directory)?;
    written.write_all(&Sha256::digest(&code))?;
    written.write_all(&code)?;
    written.persist(file).map(drop).map_err(|error| error.error)
}

/// The SHA-256 of bytes, in hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
