//! The embedded default: the quickstart's configuration and models, in the binary itself.
//!
//! Embedded files are unpacked once into the user's cache, under a name derived from their content,
//! so that commands read them like any files.

use std::path::{Path, PathBuf};

use scaledown_host::support::artifact;
use scaledown_host::{Error, Result};

/// Names from the repository's root, with contents; `build.rs` lists them.
static FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The quickstart's configuration, from the repository's root.
const CONFIGURATION: &str = "configs/quickstart.toml";

/// The quickstart's configuration: the file of the working directory, where that is the repository;
/// otherwise the embedded one, which is written to the user's cache with all that it names.
///
/// # Errors
/// If the cache cannot be written, or this program was built without the repository.
pub fn configuration() -> Result<PathBuf> {
    let here = Path::new(CONFIGURATION);
    if here.exists() {
        return Ok(here.to_owned());
    }
    if !FILES.iter().any(|(name, _)| *name == CONFIGURATION) {
        let message =
            format!("this program has no embedded configuration; run it in ScaleDown's repository, which has {CONFIGURATION}");
        return Err(Error::failed(message));
    }
    let cache = dirs::cache_dir().unwrap_or_else(std::env::temp_dir).join("scaledown");
    Ok(unpack(FILES, &cache)?.join(CONFIGURATION))
}

/// Writes `files` into a directory of `cache` named after their content. Returns that directory.
/// Keeps files that are already correct.
fn unpack(files: &[(&str, &[u8])], cache: &Path) -> Result<PathBuf> {
    let mut hasher = crc32fast::Hasher::new();
    for (name, content) in files {
        hasher.update(name.as_bytes());
        hasher.update(content);
    }
    let directory = cache.join(format!("default-{:08x}", hasher.finalize()));
    tracing::info!(directory = %directory.display(), "unpacking the built-in configuration");
    for (name, content) in files {
        let path = directory.join(name);
        if !std::fs::read(&path).is_ok_and(|found| found == *content) {
            artifact::write_file(&path, content)?;
        }
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::{CONFIGURATION, FILES, unpack};

    #[test]
    fn the_default_is_embedded_with_its_models() {
        for name in
            [CONFIGURATION, "host/cli/assets/atlas/generator/model.safetensors", "host/cli/assets/atlas/generator/tokenizer.json"]
        {
            assert!(FILES.iter().any(|(found, content)| *found == name && !content.is_empty()), "{name}");
        }
    }

    #[test]
    fn files_are_written_once_and_mended() {
        let cache = tempfile::tempdir().unwrap();
        let files: [(&str, &[u8]); 2] = [("a.toml", b"a"), ("deep/b.bin", b"b")];
        let directory = unpack(&files, cache.path()).unwrap();
        let modified = |name: &str| std::fs::metadata(directory.join(name)).unwrap().modified().unwrap();
        let before = modified("a.toml");
        std::fs::write(directory.join("deep/b.bin"), "half").unwrap();
        assert_eq!(unpack(&files, cache.path()).unwrap(), directory);
        assert_eq!(modified("a.toml"), before);
        assert_eq!(std::fs::read(directory.join("deep/b.bin")).unwrap(), b"b");
        let newer: [(&str, &[u8]); 1] = [("a.toml", b"c")];
        assert_ne!(unpack(&newer, cache.path()).unwrap(), directory, "another content is another default");
    }
}
