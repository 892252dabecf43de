//! Files and directories that are written whole or not at all.
//!
//! A file is written beside its place under a temporary name, flushed to the disk, and renamed. A
//! directory is filled under a temporary name, gets a manifest with the size and checksum of each
//! file, and is renamed likewise. A process that is killed leaves a temporary name behind, which
//! readers ignore and the next writer removes.

mod directory;
mod error;
mod file;
mod manifest;
mod series;

pub use directory::{DirectoryReader, DirectoryWriter, open};
pub use error::ArtifactError;
pub use file::{write_file, write_file_with};
pub use series::{keep_last, latest};

/// The prefix of temporary names.
const TEMPORARY: &str = ".writing-";
