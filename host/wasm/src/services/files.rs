//! Files of the user's machine, as far as they are granted.

use std::io::{Read, Seek, SeekFrom};

use scaledown_sdk::files::open_regular;

use crate::bindings::scaledown::plugin::files::Host;
use crate::bindings::scaledown::plugin::types::Error as WitError;
use crate::imports::{Answer, Imports};
use crate::services::permission::io;

/// The most bytes of one read.
const MOST: u32 = 16 << 20;

impl Host for Imports {
    fn length(&mut self, path: String) -> Answer<u64> {
        Ok(self.readable(&path).and_then(|path| {
            let found = open_regular(&path).and_then(|file| file.metadata());
            found.map(|found| found.len()).map_err(|error| io(&path, error))
        }))
    }

    fn read(&mut self, path: String, offset: u64, most: u32) -> Answer<Vec<u8>> {
        Ok(self.readable(&path).and_then(|path| {
            let read = || {
                let mut file = open_regular(&path)?;
                file.seek(SeekFrom::Start(offset))?;
                let mut content = Vec::new();
                file.take(most.min(MOST).into()).read_to_end(&mut content)?;
                Ok(content)
            };
            read().map_err(|error| io(&path, error))
        }))
    }

    fn names(&mut self, directory: String) -> Answer<Vec<String>> {
        Ok(self.readable(&directory).and_then(|path| {
            let list = || {
                let mut names = Vec::new();
                for entry in std::fs::read_dir(&path)? {
                    let entry = entry?;
                    let end = if entry.path().is_dir() { "/" } else { "" };
                    names.push(format!("{}{end}", entry.file_name().to_string_lossy()));
                }
                names.sort_unstable();
                Ok(names)
            };
            list().map_err(|error| io(&path, error))
        }))
    }

    fn write(&mut self, path: String, content: Vec<u8>) -> Answer<()> {
        Ok(self.writable(&path).and_then(|path| {
            if path.is_dir() {
                return Err(WitError::Failed(format!("{} is a directory, expected a file to write", path.display())));
            }
            std::fs::write(&path, content).map_err(|error| io(&path, error))
        }))
    }
}
