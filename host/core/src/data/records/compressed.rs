//! Opens a file for reading, decompressed if its name ends in `.gz` or `.zst`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;

use super::error::DataError;

/// Bytes that are read, and decompressed, at a time.
const BUFFER: usize = 1 << 16;

/// A file as a stream of its own bytes: `.gz` (of one or many members) and `.zst` are decompressed
/// on the way.
///
/// # Errors
/// If the file cannot be read. A damaged archive is an error of the read that meets the damage.
pub fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, DataError> {
    let file = File::open(path).and_then(refuse_directory).map_err(DataError::io(path))?;
    let file = BufReader::with_capacity(BUFFER, file);
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file))),
        Some("zst") => {
            let decoder = zstd::Decoder::with_buffer(file).map_err(DataError::io(path))?;
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        }
        _ => Box::new(file),
    })
}

/// The operating system lets a directory be opened, and fails at the first read with less to say.
fn refuse_directory(file: File) -> io::Result<File> {
    if file.metadata()?.is_dir() { Err(io::Error::other("is a directory, expected a file")) } else { Ok(file) }
}

/// The name of a file without `.gz` or `.zst`, by whose ending its format is known.
pub(crate) fn plain_name(path: &Path) -> &Path {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz" | "zst") => path.file_stem().map_or(path, Path::new),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    /// `content` as a gzip member.
    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).expect("compressed");
        encoder.finish().expect("compressed")
    }

    #[test]
    fn every_compression_gives_the_same_bytes() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let text = "a line\n".repeat(40_000);
        let halves = text.split_at(text.len() / 3);
        let members = [gzip(halves.0.as_bytes()), gzip(halves.1.as_bytes())].concat();
        let zstd = zstd::encode_all(text.as_bytes(), 1).expect("compressed");
        for (name, bytes) in [("t.txt", text.as_bytes()), ("t.txt.gz", &members), ("t.txt.zst", &zstd)] {
            let path = directory.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            let mut found = String::new();
            open(&path).expect("opened").read_to_string(&mut found).expect("read");
            assert!(found == text, "{name}");
            assert_eq!(plain_name(&path).file_name(), Some("t.txt".as_ref()));
        }
        let message = open(directory.path()).err().expect("a directory is no file").to_string();
        assert!(message.ends_with("is a directory, expected a file"), "{message}");
    }

    #[test]
    fn an_archive_that_is_cut_short_is_an_error() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let zstd = zstd::encode_all(&b"a line\n".repeat(40)[..], 1).expect("compressed");
        for (name, bytes) in [("t.gz", gzip(b"a line\n")), ("t.zst", zstd)] {
            let path = directory.path().join(name);
            std::fs::write(&path, &bytes[..bytes.len() - 5]).expect("written");
            assert!(open(&path).expect("opened").read_to_end(&mut Vec::new()).is_err(), "{name}");
        }
    }
}
