//! Small files, read whole: regular files only, and never more than a file of their kind can have.
//!
//! A fifo would keep the reader waiting for ever, and a device such as `/dev/zero` never ends.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// The purpose of a file, which limits its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A configuration in TOML.
    Configuration,
    /// A model's `config.json`, `tokenizer_config.json` and the like.
    ModelConfiguration,
    /// A `tokenizer.json` or a vocabulary.
    Tokenizer,
    /// A chat template.
    Template,
    /// One document of a corpus, after decompression.
    Document,
    /// A description of a run's or index's files: a manifest, a reference.
    Manifest,
    /// A plugin's WebAssembly component.
    Component,
}

impl FileKind {
    /// The maximum bytes of such a file.
    #[must_use]
    pub fn limit(self) -> u64 {
        match self {
            FileKind::Configuration | FileKind::Template => 4 << 20,
            FileKind::ModelConfiguration | FileKind::Manifest => 64 << 20,
            FileKind::Tokenizer | FileKind::Document | FileKind::Component => 1 << 30,
        }
    }
}

/// Opens `path`, if it is a regular file or a link to one.
///
/// # Errors
/// Those of the file system; [`ErrorKind::InvalidInput`] for a directory, a fifo, a socket or a
/// device.
pub fn open_regular(path: &Path) -> Result<File> {
    // Before it is opened: that alone waits, where it is a fifo.
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(Error::from(ErrorKind::IsADirectory));
    }
    if !kind.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "not a regular file but a fifo, socket or device; expected a file"));
    }
    File::open(path)
}

/// The content of a file of a kind.
///
/// # Errors
/// Those of [`open_regular`]; [`ErrorKind::FileTooLarge`] for a file that is longer than one of its
/// kind can be.
pub fn read_bytes(path: &Path, kind: FileKind) -> Result<Vec<u8>> {
    read_limited(open_regular(path)?, kind)
}

/// The content of a text file of a kind.
///
/// # Errors
/// Those of [`read_bytes`]; [`ErrorKind::InvalidData`] for one that is not UTF-8.
pub fn read_text(path: &Path, kind: FileKind) -> Result<String> {
    let text = String::from_utf8(read_bytes(path, kind)?);
    text.map_err(|_| Error::new(ErrorKind::InvalidData, "not valid UTF-8"))
}

/// The contents of `content`, within the limit of `kind`.
///
/// # Errors
/// Those of reading it; [`ErrorKind::FileTooLarge`] if there is more.
pub fn read_limited(content: impl Read, kind: FileKind) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    content.take(kind.limit() + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > kind.limit() {
        let message = format!("larger than {} MiB, the limit for such a file", kind.limit() >> 20);
        return Err(Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_end_is_refused() {
        let message = read_limited(std::io::repeat(b'x'), FileKind::Template).unwrap_err();
        assert_eq!(
            (message.kind(), message.to_string().as_str()),
            (ErrorKind::FileTooLarge, "larger than 4 MiB, the limit for such a file")
        );
        assert_eq!(read_limited(&b"text"[..], FileKind::Template).unwrap(), b"text");
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_opened() {
        let message = read_bytes(Path::new("/dev/zero"), FileKind::Configuration).unwrap_err();
        assert!(message.to_string().contains("not a regular file"), "{message}");
        assert_eq!(read_bytes(Path::new("/"), FileKind::Configuration).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(read_bytes(Path::new("/no/such"), FileKind::Configuration).unwrap_err().kind(), ErrorKind::NotFound);
        let this = concat!(env!("CARGO_MANIFEST_DIR"), "/src/files.rs");
        assert!(read_text(Path::new(this), FileKind::Configuration).unwrap().starts_with("//! Small files"));
    }
}
