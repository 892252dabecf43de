//! The texts of chunks by their ids, in one file.

use std::path::{Path, PathBuf};

use redb::{Database, Durability, ReadOnlyDatabase, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use super::IndexError;

/// The number of the addition that wrote a chunk, and its text.
const CHUNKS: TableDefinition<'_, &str, (u32, &str)> = TableDefinition::new("chunks");

/// Chunks that are written at a time.
const BATCH: usize = 4096;

/// Memory for pages of the file, in bytes.
const CACHE: usize = 64 << 20;

/// The texts of chunks by their ids, for reading; several processes may read one file.
pub(super) struct ChunkStore {
    path: PathBuf,
    database: ReadOnlyDatabase,
}

impl ChunkStore {
    /// Opens the file at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, IndexError> {
        let told = told(path);
        let database = Database::builder().set_cache_size(CACHE).open_read_only(path).map_err(|error| told(error.into()))?;
        Ok(ChunkStore { path: path.to_owned(), database })
    }

    /// The text of each id, if it is there.
    pub(super) fn texts<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Result<Vec<Option<String>>, IndexError> {
        let read = || -> Result<Vec<Option<String>>, redb::Error> {
            let table = self.database.begin_read()?.open_table(CHUNKS)?;
            let text = |id: &str| Ok(table.get(id)?.map(|found| found.value().1.to_owned()));
            ids.into_iter().map(text).collect()
        };
        read().map_err(told(&self.path))
    }

    /// The number of chunks.
    pub(super) fn len(&self) -> Result<u64, IndexError> {
        let read = || -> Result<u64, redb::Error> { Ok(self.database.begin_read()?.open_table(CHUNKS)?.len()?) };
        read().map_err(told(&self.path))
    }
}

fn told(path: &Path) -> impl Fn(redb::Error) -> IndexError {
    let path = path.to_owned();
    move |source| IndexError::Chunks { path: path.clone(), source: Box::new(source) }
}

/// Chunks on their way into a file, which nobody may read meanwhile.
pub(super) struct Addition {
    path: PathBuf,
    database: Database,
    number: u32,
    waiting: Vec<(String, String)>,
}

impl Addition {
    /// Starts the addition of this number to the file at `path`, which is made if it is missing.
    pub(super) fn start(path: &Path, number: u32) -> Result<Self, IndexError> {
        let told = told(path);
        let database = Database::builder().set_cache_size(CACHE).create(path).map_err(|error| told(error.into()))?;
        Ok(Addition { path: path.to_owned(), database, number, waiting: Vec::with_capacity(BATCH) })
    }

    /// Puts a chunk in, in the place of one of the same id from an earlier addition. One of the same addition is an error, said at the latest
    /// by [`Addition::finish`].
    pub(super) fn put(&mut self, id: &str, text: &str) -> Result<(), IndexError> {
        self.waiting.push((id.to_owned(), text.to_owned()));
        if self.waiting.len() < BATCH { Ok(()) } else { self.write(Durability::None) }
    }

    /// Writes what is left, and makes sure that all is on disk.
    pub(super) fn finish(mut self) -> Result<(), IndexError> {
        self.write(Durability::Immediate)
    }

    fn write(&mut self, durability: Durability) -> Result<(), IndexError> {
        let waiting = std::mem::take(&mut self.waiting);
        let write = || -> Result<Option<String>, redb::Error> {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(durability)?;
            {
                let mut table = transaction.open_table(CHUNKS)?;
                for (id, text) in &waiting {
                    let before = table.insert(id.as_str(), (self.number, text.as_str()))?;
                    if before.is_some_and(|before| before.value().0 == self.number) {
                        return Ok(Some(id.clone()));
                    }
                }
            }
            transaction.commit()?;
            Ok(None)
        };
        match write().map_err(told(&self.path))? {
            Some(id) => Err(IndexError::Duplicate(id)),
            None => Ok(()),
        }
    }
}
