//! A file of text, a line at a time.

use std::{
    io::{BufRead, Read},
    path::{Path, PathBuf},
};

use super::{compressed, error::DataError, split::RECORD_LIMIT};

/// The lines of a UTF-8 file that are not blank, each with its number, counted from 1, and without
/// its end. A compressed file is decompressed. A line that is not valid UTF-8 is an error. Reading
/// continues with the next line.
pub struct Lines {
    path: PathBuf,
    source: Option<Box<dyn BufRead + Send>>,
    line: u64,
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        Ok(Lines { path: path.to_owned(), source: Some(compressed::open(path)?), line: 0 })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An error of the line that was read last.
    #[must_use]
    pub fn fault(&self, message: impl Into<String>) -> DataError {
        DataError::Record { path: self.path.clone(), line: self.line, field: None, message: message.into() }
    }

    /// The next line, blank or not; `None` at the end.
    fn read(&mut self) -> Option<Result<String, DataError>> {
        let source = self.source.as_mut()?;
        let mut bytes = Vec::new();
        if let Err(error) = source.take(RECORD_LIMIT as u64 + 1).read_until(b'\n', &mut bytes) {
            self.source = None;
            return Some(Err(DataError::io(&self.path)(error)));
        }
        if bytes.is_empty() {
            self.source = None;
            return None;
        }
        self.line += 1;
        if bytes.len() > RECORD_LIMIT {
            self.source = None;
            return Some(Err(
                self.fault(format!("the line is longer than {} MiB; check that this is a text file", RECORD_LIMIT >> 20))
            ));
        }
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").filter(|_| self.line == 1).unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map(str::to_owned);
        Some(text.map_err(|error| self.fault(format!("not valid UTF-8: {error}"))))
    }
}

impl Iterator for Lines {
    type Item = Result<(u64, String), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read()? {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => return Some(Ok((self.line, text))),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_a_bad_one_is_passed_over() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), b"\xef\xbb\xbfone\r\n\n \t\nf\xf6ur\n five \t").expect("written");
        let found: Vec<_> = Lines::open(file.path()).expect("opened").collect();
        assert_eq!(found[0].as_ref().expect("text"), &(1, "one".to_owned()));
        let reported = found[1].as_ref().expect_err("no UTF-8").to_string();
        assert!(reported.starts_with(&format!("{}:4: not valid UTF-8", file.path().display())), "{reported}");
        assert_eq!(found[2].as_ref().expect("text"), &(5, " five \t".to_owned()));
        assert_eq!(found.len(), 3);
    }
}
