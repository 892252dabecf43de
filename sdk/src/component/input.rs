//! Files that a corpus or another component reads, natively or through the host.

use std::io::Read;

use crate::Result;

/// Opens a file for reading. In a component, the user must have granted it: `read` in
/// `[plugins.NAME.permissions]`.
///
/// # Errors
/// If it cannot be read, or is not granted.
#[cfg(not(target_arch = "wasm32"))]
pub fn open_file(path: &str) -> Result<Box<dyn Read + Send>> {
    let file = crate::files::open_regular(std::path::Path::new(path)).map_err(|error| crate::Error::io(path, error))?;
    Ok(Box::new(file))
}

/// The names in a directory, in alphabetical order; a directory's ends with `/`. In a component,
/// the user must have granted it.
///
/// # Errors
/// If it cannot be read, or is not granted.
#[cfg(not(target_arch = "wasm32"))]
pub fn names_in(directory: &str) -> Result<Vec<String>> {
    let list = || {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let end = if entry.path().is_dir() { "/" } else { "" };
            names.push(format!("{}{end}", entry.file_name().to_string_lossy()));
        }
        names.sort_unstable();
        Ok(names)
    };
    list().map_err(|error| crate::Error::io(directory, error))
}

/// Opens a file for reading, which the user must have granted: `read` in
/// `[plugins.NAME.permissions]`.
///
/// # Errors
/// If it cannot be read, or is not granted.
#[cfg(target_arch = "wasm32")]
pub fn open_file(path: &str) -> Result<Box<dyn Read + Send>> {
    // A missing file is reported at once.
    crate::guest::host::file_length(path)?;
    Ok(Box::new(HostFile { path: path.to_owned(), offset: 0 }))
}

/// The names in a directory, in alphabetical order; a directory's ends with `/`. The user must have
/// granted it.
///
/// # Errors
/// If it cannot be read, or is not granted.
#[cfg(target_arch = "wasm32")]
pub fn names_in(directory: &str) -> Result<Vec<String>> {
    crate::guest::host::names_in(directory)
}

/// A file that the host reads.
#[cfg(target_arch = "wasm32")]
struct HostFile {
    path: String,
    offset: u64,
}

#[cfg(target_arch = "wasm32")]
impl Read for HostFile {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let content = crate::guest::host::read_file(&self.path, self.offset, most);
        let content = content.map_err(|error| std::io::Error::other(error.to_string()))?;
        buffer[..content.len()].copy_from_slice(&content);
        self.offset += content.len() as u64;
        Ok(content.len())
    }
}
