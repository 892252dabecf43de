//! Lists the embedded default's files, so that the binary works where the repository is not.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The embedded files and directories, from the repository's root.
const EMBEDDED: [&str; 2] = ["configs/quickstart.toml", "host/cli/assets/atlas"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let mut files = Vec::new();
    for name in EMBEDDED {
        println!("cargo:rerun-if-changed={}", root.join(name).display());
        // A crate that was packed alone has no such files; its quickstart says so.
        if root.join(name).exists() {
            list(&root.join(name), &mut files)?;
        }
    }
    files.sort();
    let mut code = String::from("[\n");
    for file in files {
        let name = file.strip_prefix(&root)?.to_string_lossy().replace('\\', "/");
        writeln!(code, "({name:?}, include_bytes!({:?}).as_slice()),", file.display().to_string())?;
    }
    code.push(']');
    std::fs::write(PathBuf::from(std::env::var("OUT_DIR")?).join("embedded.rs"), code)?;
    Ok(())
}

/// All files at or below `path`.
fn list(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden {
            list(&path, files)?;
        }
    }
    Ok(())
}
