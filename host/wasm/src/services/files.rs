//! Files of the user's machine, as far as they are granted.

use std::io::{Read, Seek, SeekFrom};

use crate::bindings::scaledown::plugin::files::Host;
use crate::bindings::scaledown::plugin::types::Error as WitError;
use crate::imports::{Answer, Imports};
use crate::services::patience::WaitTime;
use crate::services::permission::{FileAccess, GrantedPath, io};

/// The most bytes of one read.
const MOST: u32 = 16 << 20;

impl Imports {
    /// Works on a place that the component names, if `find` finds it granted.
    fn at<T: Send + 'static>(
        &mut self,
        path: String,
        find: fn(&FileAccess, &str) -> Result<GrantedPath, WitError>,
        work: impl FnOnce(&GrantedPath) -> std::io::Result<T> + Send + 'static,
    ) -> Answer<T> {
        let access = self.file_access();
        self.patiently("a file operation", WaitTime::Call, move || {
            let place = find(&access, &path)?;
            work(&place).map_err(|error| io(&place.path, error))
        })
    }
}

impl Host for Imports {
    fn length(&mut self, path: String) -> Answer<u64> {
        self.at(path, FileAccess::readable, |place| Ok(place.read()?.metadata()?.len()))
    }

    fn read(&mut self, path: String, offset: u64, most: u32) -> Answer<Vec<u8>> {
        self.at(path, FileAccess::readable, move |place| {
            let mut file = place.read()?;
            file.seek(SeekFrom::Start(offset))?;
            let mut content = Vec::new();
            file.take(most.min(MOST).into()).read_to_end(&mut content)?;
            Ok(content)
        })
    }

    fn names(&mut self, directory: String) -> Answer<Vec<String>> {
        self.at(directory, FileAccess::readable, GrantedPath::names)
    }

    fn write(&mut self, path: String, content: Vec<u8>) -> Answer<()> {
        self.at(path, FileAccess::writable, move |place| place.write(&content))
    }
}
