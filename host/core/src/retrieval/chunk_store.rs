//! The texts of chunks by their ids, in one file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, ReadOnlyDatabase, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    WriteTransaction,
};
use scaledown_sdk::component::caught;

use super::IndexError;
use super::place::IndexPlace;

/// By its id, the number of the addition that wrote a chunk, the checksum of its id and text, and
/// its text. As bytes, since the library takes it for granted that a text is one.
const CHUNKS: TableDefinition<'_, &[u8], (u32, u32, &[u8])> = TableDefinition::new("chunks");

/// Chunks that are written at a time.
const BATCH: usize = 4096;

/// Memory for pages of the file, in bytes.
const CACHE: usize = 64 << 20;

/// Carries a checksum on over a chunk's id and text.
pub(super) fn checksum(mut sum: u32, id: &str, text: &[u8]) -> u32 {
    for part in [id.as_bytes(), text] {
        // The length keeps an id's end and a text's beginning apart.
        sum = crc32c::crc32c_append(sum, &(part.len() as u64).to_le_bytes());
        sum = crc32c::crc32c_append(sum, part);
    }
    sum
}

/// The texts of chunks by their ids, for reading; several processes may read one file.
pub(super) struct ChunkStore {
    path: PathBuf,
    database: ReadOnlyDatabase,
}

impl ChunkStore {
    /// Opens the file of an index.
    pub(super) fn open(place: &IndexPlace) -> Result<Self, IndexError> {
        let path = place.chunks();
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let open = || match builder.open_read_only(&path) {
            // An addition was killed; what it wrote does not count, and opening the file for
            // writing takes it back.
            Err(DatabaseError::RepairAborted) => {
                drop(builder.open(&path)?);
                builder.open_read_only(&path)
            }
            opened => opened,
        };
        let database = guarded(&path, || Ok(open()?)).map_err(|error| match error {
            IndexError::Locked(_) => IndexError::Locked(place.root.clone()),
            other => other,
        })?;
        Ok(ChunkStore { path, database })
    }

    /// The text of each id, if it exists.
    pub(super) fn texts<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Result<Vec<Option<String>>, IndexError> {
        let read = || {
            let table = self.database.begin_read()?.open_table(CHUNKS)?;
            let text = |id: &'a str| Ok(table.get(id.as_bytes())?.map(|found| checked(id, found.value())));
            ids.into_iter().map(text).collect::<Result<Vec<_>, redb::Error>>()
        };
        let texts = guarded(&self.path, read)?;
        texts.into_iter().map(|text| text.transpose().map_err(|what| damaged(&self.path, &what))).collect()
    }

    /// The number of chunks.
    pub(super) fn len(&self) -> Result<u64, IndexError> {
        guarded(&self.path, || Ok(self.database.begin_read()?.open_table(CHUNKS)?.len()?))
    }

    /// Reads everything and compares checksums.
    pub(super) fn verify(&self) -> Result<(), IndexError> {
        let read = || {
            let table = self.database.begin_read()?.open_table(CHUNKS)?;
            let mut count = 0;
            for entry in table.iter()? {
                let (id, found) = entry?;
                let id = String::from_utf8_lossy(id.value()).into_owned();
                if let Err(what) = checked(&id, found.value()) {
                    return Ok(Err(what));
                }
                // By the way that a search takes: what leads to it may be damaged where the chunk
                // itself is not.
                if table.get(id.as_bytes())?.is_none() {
                    return Ok(Err(format!("chunk `{id}` not found")));
                }
                count += 1;
            }
            let said = table.len()?;
            Ok(if count == said { Ok(()) } else { Err(format!("found {count} of {said} chunks")) })
        };
        guarded(&self.path, read)?.map_err(|what| damaged(&self.path, &what))
    }
}

/// The text of a chunk, if its checksum is right.
fn checked(id: &str, (_, sum, text): (u32, u32, &[u8])) -> Result<String, String> {
    let text = (checksum(0, id, text) == sum).then(|| String::from_utf8(text.to_vec()).ok()).flatten();
    text.ok_or_else(|| format!("checksum mismatch in chunk `{id}`"))
}

/// Does something with the file at `path`. The library panics on some damaged files, where it
/// follows a number to a place that is not there.
fn guarded<T>(path: &Path, access: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, IndexError> {
    caught(access).map_err(|panic| damaged(path, &panic))?.map_err(|error| reported(path, error))
}

fn damaged(path: &Path, what: &str) -> IndexError {
    IndexError::Damaged { path: path.to_owned(), message: format!("the file is damaged: {what}") }
}

fn reported(path: &Path, error: redb::Error) -> IndexError {
    use redb::Error as Redb;
    match error {
        Redb::DatabaseAlreadyOpen => IndexError::Locked(path.to_owned()),
        Redb::Io(io) if io.kind() == ErrorKind::NotFound => {
            IndexError::Damaged { path: path.to_owned(), message: "the file is missing".into() }
        }
        Redb::Io(io) if !matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            IndexError::Chunks { path: path.to_owned(), source: io }
        }
        Redb::PreviousIo | Redb::ValueTooLarge(_) => {
            IndexError::Chunks { path: path.to_owned(), source: std::io::Error::other(error) }
        }
        other => damaged(path, &other.to_string()),
    }
}

/// Chunks that are being written to a file, which must not be read meanwhile. Nothing of them is in
/// it before [`Addition::finish`]; until then the library keeps them in the file's free space.
pub(super) struct Addition {
    path: PathBuf,
    number: u32,
    waiting: Vec<(String, String)>,
    // In this order: the transaction ends before the file is closed.
    transaction: WriteTransaction,
    database: Database,
}

impl Addition {
    /// Starts the addition of this number to the file of an index, which is made if it is missing.
    pub(super) fn start(place: &IndexPlace, number: u32) -> Result<Self, IndexError> {
        let path = place.chunks();
        let open = || {
            let database = Database::builder().set_cache_size(CACHE).create(&path)?;
            let transaction = database.begin_write()?;
            Ok((database, transaction))
        };
        let (database, transaction) = guarded(&path, open).map_err(|error| match error {
            // Who would add has the index's lock, and this run has it.
            IndexError::Locked(_) => IndexError::Searched(place.root.clone()),
            other => other,
        })?;
        Ok(Addition { path, number, waiting: Vec::with_capacity(BATCH), transaction, database })
    }

    /// Stores a chunk, replacing an earlier one with the same id. One of the
    /// same addition is an error, said at the latest by [`Addition::flush`].
    pub(super) fn put(&mut self, id: &str, text: &str) -> Result<(), IndexError> {
        self.waiting.push((id.to_owned(), text.to_owned()));
        if self.waiting.len() < BATCH { Ok(()) } else { self.flush() }
    }

    /// Writes the stored chunks. It is not there yet.
    pub(super) fn flush(&mut self) -> Result<(), IndexError> {
        let waiting = std::mem::take(&mut self.waiting);
        let write = || -> Result<Option<String>, redb::Error> {
            let mut table = self.transaction.open_table(CHUNKS)?;
            for (id, text) in &waiting {
                let text = text.as_bytes();
                let before = table.insert(id.as_bytes(), (self.number, checksum(0, id, text), text))?;
                if before.is_some_and(|before| before.value().0 == self.number) {
                    return Ok(Some(id.clone()));
                }
            }
            Ok(None)
        };
        match guarded(&self.path, write)? {
            Some(id) => Err(IndexError::Duplicate(id)),
            None => Ok(()),
        }
    }

    /// Makes all of them be there, safely on disk, and returns how many chunks there are now.
    pub(super) fn finish(mut self) -> Result<u64, IndexError> {
        self.flush()?;
        let Addition { path, transaction, database, .. } = self;
        let commit = || {
            transaction.commit()?;
            Ok(database.begin_read()?.open_table(CHUNKS)?.len()?)
        };
        guarded(&path, commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(directory: &Path) -> IndexPlace {
        IndexPlace::create(directory).unwrap()
    }

    fn addition(place: &IndexPlace, number: u32, chunks: &[(&str, &str)]) -> Addition {
        let mut addition = Addition::start(place, number).unwrap();
        chunks.iter().for_each(|(id, text)| addition.put(id, text).unwrap());
        addition
    }

    fn text(place: &IndexPlace, id: &str) -> Option<String> {
        ChunkStore::open(place).unwrap().texts([id]).unwrap().remove(0)
    }

    #[test]
    fn an_addition_that_is_not_finished_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let place = place(directory.path());
        assert_eq!(addition(&place, 1, &[("a", "copper"), ("b", "silver")]).finish().unwrap(), 2);
        let mut broken = addition(&place, 2, &[("a", "changed")]);
        // More than are written at a time.
        (0..2 * BATCH).for_each(|i| broken.put(&format!("n{i}"), "new").unwrap());
        assert!(matches!(ChunkStore::open(&place), Err(IndexError::Locked(root)) if root == directory.path()));
        drop(broken);
        assert_eq!((text(&place, "a").as_deref(), text(&place, "n5")), (Some("copper"), None));
        assert_eq!(addition(&place, 2, &[("c", "zinc")]).finish().unwrap(), 3);
        let reading = ChunkStore::open(&place).unwrap();
        assert!(matches!(Addition::start(&place, 3), Err(IndexError::Searched(_))));
        reading.verify().unwrap();
    }

    #[test]
    fn an_id_comes_once_in_an_addition() {
        let directory = tempfile::tempdir().unwrap();
        let place = place(directory.path());
        let mut twice = addition(&place, 1, &[("a", "x"), ("b", "y"), ("a", "z")]);
        assert!(matches!(twice.flush(), Err(IndexError::Duplicate(id)) if id == "a"));
    }

    /// Everything that reads: whether all of it said the truth.
    fn intact(place: &IndexPlace) -> Result<bool, IndexError> {
        let store = ChunkStore::open(place)?;
        let texts = store.texts(["id 3", "id 250"])?;
        store.verify()?;
        let right = [3, 250].map(|i| Some(format!("the text of {i}").repeat(20)));
        Ok(store.len()? == 300 && texts == right)
    }

    #[test]
    fn a_damaged_file_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let place = place(directory.path());
        let mut whole = Addition::start(&place, 1).unwrap();
        (0..300).for_each(|i| whole.put(&format!("id {i}"), &format!("the text of {i}").repeat(20)).unwrap());
        whole.finish().unwrap();
        let bytes = std::fs::read(place.chunks()).unwrap();
        let (mut reported, mut changed) = (0, bytes.clone());
        for at in (0..bytes.len()).step_by(bytes.len() / 150) {
            changed[at] ^= 0x55;
            std::fs::write(place.chunks(), &changed).unwrap();
            match intact(&place) {
                // Much of the file is free, and a chunk's text is only one of two things that its
                // checksum covers.
                Ok(right) => assert!(right, "byte {at} changed what was read, and nothing was said"),
                Err(error) => {
                    assert!(error.to_string().contains("scaledown index build --overwrite"), "{error}");
                    reported += 1;
                }
            }
            changed[at] ^= 0x55;
        }
        assert!(reported > 5, "{reported}");
        let at = bytes.windows(15).position(|part| part == b"the text of 250").unwrap();
        changed[at] = b'T';
        std::fs::write(place.chunks(), &changed).unwrap();
        let error = ChunkStore::open(&place).unwrap().texts(["id 250"]).unwrap_err().to_string();
        assert!(error.contains("checksum mismatch in chunk `id 250`"), "{error}");
        std::fs::write(place.chunks(), &bytes[..bytes.len() / 2]).unwrap();
        assert!(intact(&place).is_err());
    }
}
