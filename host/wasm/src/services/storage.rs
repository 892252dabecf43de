//! What a retriever keeps on disk: values by name, of which a new set counts when it is whole.
//!
//! `values-N` holds the values of the N-th set, and `CURRENT` names the set that counts, with the
//! length and checksum of each value. A new set is written beside the old one, and counts when
//! `CURRENT` is replaced.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scaledown_sdk::files::{FileKind, read_bytes, read_text};
use scaledown_sdk::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::bindings::scaledown::plugin::storage::Host;
use crate::cache;
use crate::imports::{Answer, Imports, refusal};

const CURRENT: &str = "CURRENT";

/// The most characters of a name.
const LONGEST: usize = 100;

/// The values in a directory. Cloning shares what is being written.
#[derive(Clone)]
pub(crate) struct Storage {
    directory: PathBuf,
    writing: Arc<Mutex<Option<Set>>>,
}

/// A set of values.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Set {
    number: u64,
    values: BTreeMap<String, Value>,
}

/// A value: the number of the set whose directory it lies in, its length and its SHA-256.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Value {
    set: u64,
    length: u64,
    sha256: String,
}

impl Storage {
    pub(crate) fn new(directory: &Path) -> Self {
        Storage { directory: directory.to_owned(), writing: Arc::default() }
    }

    /// The same directory, for another writer.
    pub(crate) fn to_write(&self) -> Self {
        Storage::new(&self.directory)
    }

    fn writing(&self) -> MutexGuard<'_, Option<Set>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The set that counts; an empty one if there is none.
    fn current(&self) -> Result<Set> {
        let path = self.directory.join(CURRENT);
        match read_text(&path, FileKind::Manifest) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| damaged(&path, &error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Set::default()),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    /// Begins a new set, of all values that there are.
    pub(crate) fn begin(&self) -> Result<()> {
        let mut set = self.current()?;
        set.number += 1;
        let place = self.place(set.number);
        // What a process left that was killed does not count.
        if place.exists() {
            std::fs::remove_dir_all(&place).map_err(|error| Error::io(&place, error))?;
        }
        std::fs::create_dir_all(&place).map_err(|error| Error::io(&place, error))?;
        *self.writing() = Some(set);
        Ok(())
    }

    /// Makes the new set the one that counts, and removes values that count no more.
    pub(crate) fn commit(&self) -> Result<()> {
        let Some(set) = self.writing().take() else { return Ok(()) };
        let path = self.directory.join(CURRENT);
        let text = serde_json::to_vec_pretty(&set).map_err(|error| damaged(&path, &error.to_string()))?;
        put(&path, &text).map_err(|error| Error::io(&path, error))?;
        for number in 1..set.number {
            if !set.values.values().any(|value| value.set == number) && self.place(number).exists() {
                // It is harmless if it cannot be removed.
                let _ = std::fs::remove_dir_all(self.place(number));
            }
        }
        Ok(())
    }

    /// Reads all values and compares their checksums.
    pub(crate) fn verify(&self) -> Result<()> {
        let set = self.current()?;
        if set.number == 0 {
            return Err(Error::Input(format!("there is no index in {}", self.directory.display())));
        }
        set.values.iter().try_for_each(|(name, value)| self.load(name, value).map(drop))
    }

    fn place(&self, number: u64) -> PathBuf {
        self.directory.join(format!("values-{number}"))
    }

    fn load(&self, name: &str, value: &Value) -> Result<Vec<u8>> {
        let path = self.place(value.set).join(name);
        let bytes = read_bytes(&path, FileKind::Component).map_err(|error| Error::io(&path, error))?;
        match bytes.len() as u64 == value.length && cache::digest(&bytes) == value.sha256 {
            true => Ok(bytes),
            false => Err(damaged(&path, "its checksum is not the one that was written down")),
        }
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let set = self.writing().clone().map_or_else(|| self.current(), Ok)?;
        set.values.get(name).map(|value| self.load(name, value)).transpose()
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if name.is_empty() || name.len() > LONGEST || name.starts_with('.') || !name.chars().all(plain) {
            return Err(Error::Input(format!(
                "a value cannot be called {name:?}, expected at most {LONGEST} letters, digits, `-`, `_` and `.`, and no `.` first"
            )));
        }
        let mut writing = self.writing();
        let Some(set) = writing.as_mut() else {
            return Err(Error::Input("a value is written outside of `index`, where nothing is kept".into()));
        };
        let path = self.place(set.number).join(name);
        put(&path, content).map_err(|error| Error::io(&path, error))?;
        let value = Value { set: set.number, length: content.len() as u64, sha256: cache::digest(content) };
        set.values.insert(name.to_owned(), value);
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>> {
        let set = self.writing().clone().map_or_else(|| self.current(), Ok)?;
        Ok(set.values.into_keys().collect())
    }
}

fn damaged(path: &Path, message: &str) -> Error {
    Error::Config(format!("{} is damaged: {message}; build the index again", path.display()))
}

/// Writes a file whole or not at all.
fn put(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

impl Host for Imports {
    fn read(&mut self, name: String) -> Answer<Option<Vec<u8>>> {
        let value = self.setting.storage.as_ref().map_or(Ok(None), |storage| storage.read(&name));
        Ok(value.map_err(|error| refusal(&error)))
    }

    fn write(&mut self, name: String, value: Vec<u8>) -> Answer<()> {
        let written = match &self.setting.storage {
            Some(storage) => storage.write(&name, &value),
            None => Err(Error::Input("only a retriever has a storage".into())),
        };
        Ok(written.map_err(|error| refusal(&error)))
    }

    fn names(&mut self) -> Answer<Vec<String>> {
        let names = self.setting.storage.as_ref().map_or(Ok(Vec::new()), Storage::names);
        Ok(names.map_err(|error| refusal(&error)))
    }
}
