//! Which documents of a segment are deleted: a bit each, in a file of its own that is replaced as a
//! whole.

use crate::error::{Error, Result};
use crate::manifest::{DeletionsFile, SegmentFile};
use crate::storage::Unfinished;
use std::path::Path;

const MAGIC: &[u8; 8] = b"SDDELETE";

/// The deleted documents of a segment. Without deletions it takes no memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deletions {
    words: Vec<u64>,
    count: u32,
}

impl Deletions {
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    #[inline]
    pub(crate) fn contains(&self, document: u32) -> bool {
        self.words.get(document as usize / 64).is_some_and(|word| word >> (document % 64) & 1 == 1)
    }

    /// Adds a document; false if it was deleted before.
    pub(crate) fn insert(&mut self, document: u32) -> bool {
        let new = !self.contains(document);
        let word = document as usize / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (document % 64);
        self.count += u32::from(new);
        new
    }

    /// Writes the set for a segment whose file is of generation `generation`, and names it there.
    pub(crate) fn write(&self, directory: &Path, segment: &mut SegmentFile, name: String) -> Result<()> {
        let mut out = Unfinished::create(directory, &name)?;
        out.write(MAGIC)?;
        self.words.iter().try_for_each(|word| out.write(&word.to_le_bytes()))?;
        let checksum = out.take_checksum();
        out.publish()?;
        segment.deletions = Some(DeletionsFile { file: name, deleted: self.count, checksum });
        Ok(())
    }

    /// Reads the set of a segment.
    pub(crate) fn read(directory: &Path, segment: &SegmentFile) -> Result<Self> {
        let Some(file) = &segment.deletions else { return Ok(Self::default()) };
        let path = directory.join(&file.file);
        let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
        let Some(body) = bytes.strip_prefix(MAGIC) else {
            return Err(Error::Foreign { path, what: "it does not begin with the bytes SDDELETE".into() });
        };
        let words: Vec<u64> = body.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let count = words.iter().map(|word| word.count_ones()).sum();
        let short = words.len() <= (segment.documents as usize).div_ceil(64) && body.len() % 8 == 0;
        if crc32c::crc32c(&bytes) != file.checksum || count != file.deleted || !short {
            return Err(Error::damaged(&path, "checksum mismatch"));
        }
        Ok(Self { words, count })
    }
}
