//! Where things are in a segment file. All numbers are little-endian, and nothing is aligned.
//!
//! ```text
//! header   magic (8 bytes), format (u32)
//! windows  one after another, each:
//!            the lists of its terms, one after another
//!            terms (u32 each, ascending), starts of lists (u32, bytes from the window's start),
//!            counts of postings (u32), largest weights (u16, a code)
//!            ends of ids (u32 each, bytes from the first id's beginning), ids (UTF-8)
//! lookup   document numbers (u32 each) in order of (hash of id, number)
//! table    one entry a window
//! footer   see `Footer`
//! ```
//!
//! A list of n postings in a window of d documents has the shape that is smaller: n offsets (u16,
//! ascending) and n weights, or a bitmap of d bits, rounded up to u64, and n weights. Between the
//! two there are, of a bitmap, the largest weight of each sixteen documents (0 where none has the
//! term; four a u64 of bits), and of a bitmap and of 512 offsets or more, the count of postings
//! (u16) before each block of 4,096 documents.

use crate::error::{Error, Result};
use crate::weights::StoredWeights;
use std::path::Path;

/// The magic bytes of a segment file.
pub(crate) const MAGIC: [u8; 8] = *b"SDSPARSE";
/// The format that is written and read.
pub(crate) const FORMAT: u32 = 2;
/// Documents that share an entry of a bitmap's largest weights.
pub(crate) const GROUP: usize = 16;
pub(crate) const HEADER_BYTES: usize = 12;
pub(crate) const ENTRY_BYTES: usize = 40;
pub(crate) const FOOTER_BYTES: usize = 40;
/// Bytes that the directory of a window takes a term.
pub(crate) const TERM_BYTES: u64 = 4 + 4 + 4 + 2;

/// The header of every segment.
pub(crate) fn header() -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..].copy_from_slice(&FORMAT.to_le_bytes());
    bytes
}

/// Refuses a file that does not begin as a segment does.
pub(crate) fn check_header(path: &Path, bytes: &[u8]) -> Result<()> {
    match bytes.get(..HEADER_BYTES) {
        Some(found) if found[..8] == MAGIC => {
            let found = u32_at(found, 8);
            let right = found == FORMAT;
            right.then_some(()).ok_or_else(|| Error::Version { path: path.to_owned(), found, expected: FORMAT })
        }
        _ => Err(Error::Foreign { path: path.to_owned(), what: "it does not begin with the bytes SDSPARSE".into() }),
    }
}

/// Bytes of the bitmap of a window of `documents`.
pub(crate) fn bitmap_bytes(documents: usize) -> usize {
    documents.div_ceil(64) * 8
}

/// Documents of a block: their scores, computed together, fill half of a first-level cache.
pub(crate) const BLOCK: usize = 4096;

/// Whether a list tells where its blocks begin.
pub(crate) fn has_starts(postings: usize, documents: usize) -> bool {
    postings >= 512 || is_bitmap(postings, documents)
}

/// Groups of a window of `documents` of which a list with a bitmap has the largest weights.
pub(crate) fn groups(documents: usize) -> usize {
    documents.div_ceil(64) * 64 / GROUP
}

/// Whether a list is a bitmap: where that, without the largest weights of groups, is smaller than
/// offsets.
pub(crate) fn is_bitmap(postings: usize, documents: usize) -> bool {
    bitmap_bytes(documents) < 2 * postings
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Where a window is, and how large its parts are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Entry {
    /// Where it begins in the file.
    pub offset: u64,
    /// Postings in its lists.
    pub postings: u64,
    /// Bytes of its lists.
    pub list_bytes: u32,
    pub terms: u32,
    pub documents: u32,
    pub id_bytes: u32,
    /// The number, within the segment, of its first document.
    pub first: u32,
    /// The CRC32C of all its bytes.
    pub checksum: u32,
}

impl Entry {
    /// Bytes of the window.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.list_bytes) + u64::from(self.terms) * TERM_BYTES + u64::from(self.documents) * 4 + u64::from(self.id_bytes)
    }

    /// Where the ends of its ids begin in the file.
    pub(crate) fn ids_offset(&self) -> u64 {
        self.offset + u64::from(self.list_bytes) + u64::from(self.terms) * TERM_BYTES
    }

    pub(crate) fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.postings.to_le_bytes());
        let numbers = [self.list_bytes, self.terms, self.documents, self.id_bytes, self.first, self.checksum];
        for (place, number) in bytes[16..].chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Self {
        Self {
            offset: u64_at(bytes, 0),
            postings: u64_at(bytes, 8),
            list_bytes: u32_at(bytes, 16),
            terms: u32_at(bytes, 20),
            documents: u32_at(bytes, 24),
            id_bytes: u32_at(bytes, 28),
            first: u32_at(bytes, 32),
            checksum: u32_at(bytes, 36),
        }
    }
}

/// The last bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Footer {
    /// Where the lookup begins.
    pub lookup: u64,
    /// The CRC32C of the lookup.
    pub lookup_checksum: u32,
    pub windows: u32,
    pub documents: u32,
    pub weights: StoredWeights,
    /// The maximum documents of a window.
    pub window: u32,
}

impl Footer {
    /// Its bytes. The last are the CRC32C of the table, `table` so far, and of the footer before
    /// it.
    pub(crate) fn to_bytes(self, table: u32) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        bytes[..8].copy_from_slice(&self.lookup.to_le_bytes());
        let (kind, ceiling) = match self.weights {
            StoredWeights::Eight { ceiling } => (8, ceiling.to_bits()),
            StoredWeights::Half => (16, 0),
        };
        let numbers = [self.lookup_checksum, self.windows, self.documents, kind, ceiling, self.window];
        for (place, number) in bytes[8..32].chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32c::crc32c_append(table, &bytes[..36]);
        bytes[36..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the footer and the table before it, of a file whose header has been checked.
    pub(crate) fn read(path: &Path, file: &[u8]) -> Result<(Self, Vec<Entry>)> {
        let short = || Error::damaged(path, format!("it ends after {} bytes, before its table", file.len()));
        let end = file.len().checked_sub(FOOTER_BYTES).ok_or_else(short)?;
        let bytes = &file[end..];
        let windows = u32_at(bytes, 12);
        let start = end.checked_sub(windows as usize * ENTRY_BYTES).ok_or_else(short)?;
        if crc32c::crc32c(&file[start..file.len() - 4]) != u32_at(bytes, 36) {
            return Err(Error::damaged(path, "checksum mismatch in its table"));
        }
        let weights = match u32_at(bytes, 20) {
            8 => StoredWeights::Eight { ceiling: f32::from_bits(u32_at(bytes, 24)) },
            16 => StoredWeights::Half,
            kind => return Err(Error::damaged(path, format!("its weights are of kind {kind}, which does not exist"))),
        };
        let footer = Self {
            lookup: u64_at(bytes, 0),
            lookup_checksum: u32_at(bytes, 8),
            windows,
            documents: u32_at(bytes, 16),
            weights,
            window: u32_at(bytes, 28),
        };
        let entries: Vec<Entry> = file[start..end].as_chunks().0.iter().map(Entry::from_bytes).collect();
        footer.check(path, &entries, start as u64)?;
        Ok((footer, entries))
    }

    /// Whether the windows and the lookup follow one another up to the table.
    fn check(&self, path: &Path, entries: &[Entry], table: u64) -> Result<()> {
        let (mut offset, mut first) = (HEADER_BYTES as u64, 0_u64);
        for entry in entries {
            let fits = entry.offset == offset && u64::from(entry.first) == first && entry.documents <= self.window;
            if !fits {
                return Err(Error::damaged(path, "its windows do not follow one another"));
            }
            offset += entry.bytes();
            first += u64::from(entry.documents);
        }
        let ends = self.lookup == offset && first == u64::from(self.documents) && self.lookup + 4 * first == table;
        (ends && self.window <= 65536).then_some(()).ok_or_else(|| Error::damaged(path, "its parts do not add up to its length"))
    }
}
