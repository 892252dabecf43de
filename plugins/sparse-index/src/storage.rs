//! Files that appear whole or not at all, and the checksum of what goes into them.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The prefix of unfinished files. Those that a killed process left are removed by
/// the next writer.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// A file under a temporary name, which takes its own when it is published and disappears when it
/// is dropped before.
pub(crate) struct Unfinished {
    out: BufWriter<Limited<NamedTempFile>>,
    path: PathBuf,
    written: u64,
    checksum: u32,
}

impl Unfinished {
    /// Starts a file that will be `directory/name`.
    pub(crate) fn create(directory: &Path, name: &str) -> Result<Self> {
        let path = directory.join(name);
        let mut builder = tempfile::Builder::new();
        builder.prefix(UNFINISHED);
        // An index is a shared file, unlike most temporary ones: the umask decides who may read it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(directory).map_err(Error::io("create", &path))?;
        Ok(Self { out: BufWriter::with_capacity(1 << 20, Limited(file)), path, written: 0, checksum: 0 })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(Error::io("write", &self.path))?;
        self.written += bytes.len() as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
        Ok(())
    }

    /// Bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// The CRC32C of the bytes since the last call.
    pub(crate) fn take_checksum(&mut self) -> u32 {
        std::mem::take(&mut self.checksum)
    }

    /// A second handle, for reading.
    pub(crate) fn reader(&mut self) -> Result<File> {
        self.out.flush().map_err(Error::io("write", &self.path))?;
        self.out.get_ref().0.reopen().map_err(Error::io("read", &self.path))
    }

    /// Brings the file to the disk and gives it its name.
    pub(crate) fn publish(self) -> Result<()> {
        let path = self.path;
        let file = self.out.into_inner().map_err(|error| error.into_error()).map_err(Error::io("write", &path))?.0;
        file.as_file().sync_all().map_err(Error::io("write", &path))?;
        file.persist(&path).map_err(|error| error.error).map_err(Error::io("write", &path))?;
        Ok(())
    }
}

/// Brings the names of published files to the disk.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(directory).and_then(|handle| handle.sync_all()).map_err(Error::io("write", directory))?;
    Ok(())
}

/// A writer that can be made to fail in tests, as a full disk does.
pub(crate) struct Limited<W>(pub(crate) W);

impl<W: Write> Write for Limited<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        #[cfg(test)]
        faults::spend(bytes.len())?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
pub(crate) mod faults {
    //! A disk that is full after some bytes, for the thread that asks for it.

    use std::cell::Cell;

    thread_local! {
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// Lets this thread write `bytes` more before writing fails. None lifts the limit.
    pub(crate) fn limit(bytes: Option<usize>) {
        LEFT.set(bytes);
    }

    pub(super) fn spend(bytes: usize) -> std::io::Result<()> {
        match LEFT.get() {
            Some(left) if left < bytes => Err(std::io::ErrorKind::StorageFull.into()),
            Some(left) => {
                LEFT.set(Some(left - bytes));
                Ok(())
            }
            None => Ok(()),
        }
    }
}
