//! Reading a segment through a memory map. Nothing read from it is trusted: every range is checked
//! before it is taken.

use crate::error::{Error, Result};
use crate::layout::{BLOCK, Entry, Footer, bitmap_bytes, check_header, groups, has_starts, is_bitmap};
use crate::segment_writer::hash;
use crate::weights::StoredWeights;
use memmap2::Mmap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// An open segment.
pub(crate) struct Segment {
    map: Mmap,
    path: PathBuf,
    pub footer: Footer,
    pub entries: Vec<Entry>,
}

impl Segment {
    /// Opens a file of `bytes` bytes, and checks its header and table. The windows are checked by
    /// [`Segment::verify`].
    pub(crate) fn open(path: &Path, bytes: u64) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        // SAFETY: a published file is never written again, only unlinked, and an unlinked file
        // stays mapped. Another program that truncates it in place can end this process with a
        // signal, as with every memory map, but cannot make it read elsewhere.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io("map", path))?;
        check_header(path, &map)?;
        if map.len() as u64 != bytes {
            return Err(Error::damaged(path, format!("it has {} bytes, and the manifest says {bytes}", map.len())));
        }
        let (footer, entries) = Footer::read(path, &map)?;
        Ok(Self { map, path: path.to_owned(), footer, entries })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A window by its place in the segment.
    pub(crate) fn window(&self, index: usize) -> Result<Window<'_>> {
        let damaged = || Error::damaged(&self.path, format!("window {index} reaches beyond the file"));
        let entry = self.entries.get(index).ok_or_else(damaged)?;
        let start = entry.offset as usize;
        let bytes = self.map.get(start..start + entry.bytes() as usize).ok_or_else(damaged)?;
        let (terms, documents) = (entry.terms as usize, entry.documents as usize);
        let (lists, rest) = bytes.split_at(entry.list_bytes as usize);
        let (names, rest) = rest.split_at(4 * terms);
        let (starts, rest) = rest.split_at(4 * terms);
        let (counts, rest) = rest.split_at(4 * terms);
        let (largest, rest) = rest.split_at(2 * terms);
        let (id_ends, ids) = rest.split_at(4 * documents);
        Ok(Window {
            path: &self.path,
            weights: self.footer.weights,
            entry: *entry,
            lists,
            terms: names.as_chunks().0,
            starts: starts.as_chunks().0,
            counts: counts.as_chunks().0,
            largest: largest.as_chunks().0,
            id_ends: id_ends.as_chunks().0,
            ids,
        })
    }

    /// The id of a document by its number within the segment.
    pub(crate) fn id(&self, document: u32) -> Result<&str> {
        let window = self.entries.partition_point(|entry| entry.first <= document).saturating_sub(1);
        let window = self.window(window)?;
        window.id(document.wrapping_sub(window.entry.first))
    }

    /// The documents of an id, deleted or not, ascending.
    pub(crate) fn find(&self, id: &str) -> Result<Vec<u32>> {
        let wanted = hash(id.as_bytes());
        let lookup = self.lookup()?;
        let (mut low, mut high) = (0, lookup.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if hash(self.id(u32::from_le_bytes(lookup[middle]))?.as_bytes()) < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut found = Vec::new();
        for document in &lookup[low..] {
            let document = u32::from_le_bytes(*document);
            let other = self.id(document)?;
            if hash(other.as_bytes()) != wanted {
                break;
            }
            if other == id {
                found.push(document);
            }
        }
        Ok(found)
    }

    fn lookup(&self) -> Result<&[[u8; 4]]> {
        let start = self.footer.lookup as usize;
        let bytes = self.map.get(start..start + 4 * self.footer.documents as usize);
        bytes.map(|bytes| bytes.as_chunks().0).ok_or_else(|| Error::damaged(&self.path, "its lookup reaches beyond the file"))
    }

    /// Checks all that [`Segment::open`] leaves out: the checksum of every window and of the
    /// lookup.
    pub(crate) fn verify(&self) -> Result<()> {
        for (index, entry) in self.entries.iter().enumerate() {
            let start = entry.offset as usize;
            let bytes = self.map.get(start..start + entry.bytes() as usize);
            if bytes.map(crc32c::crc32c) != Some(entry.checksum) {
                return Err(Error::damaged(&self.path, format!("checksum mismatch in window {index}")));
            }
        }
        if crc32c::crc32c(self.lookup()?.as_flattened()) != self.footer.lookup_checksum {
            return Err(Error::damaged(&self.path, "checksum mismatch in its id lookup"));
        }
        Ok(())
    }
}

/// The parts of a window.
pub(crate) struct Window<'a> {
    path: &'a Path,
    weights: StoredWeights,
    pub entry: Entry,
    lists: &'a [u8],
    terms: &'a [[u8; 4]],
    starts: &'a [[u8; 4]],
    counts: &'a [[u8; 4]],
    largest: &'a [[u8; 2]],
    id_ends: &'a [[u8; 4]],
    ids: &'a [u8],
}

/// The postings of a term in a window, ascending, and the largest code among them.
#[derive(Clone, Copy)]
pub(crate) struct List<'a> {
    pub places: Places<'a>,
    /// Postings before each block; none of a short list.
    pub starts: &'a [[u8; 2]],
    pub codes: &'a [u8],
    /// Bytes of a code.
    pub width: usize,
    pub largest: u16,
}

/// Which documents have a posting.
#[derive(Clone, Copy)]
pub(crate) enum Places<'a> {
    Offsets(&'a [[u8; 2]]),
    /// A bit a document, and the largest codes of groups.
    Bitmap {
        words: &'a [[u8; 8]],
        maxima: &'a [u8],
    },
}

impl<'a> Window<'a> {
    /// The list of a term, if it has one.
    pub(crate) fn list(&self, term: u32) -> Result<Option<List<'a>>> {
        match self.terms.binary_search_by_key(&term, |bytes| u32::from_le_bytes(*bytes)) {
            Ok(index) => self.list_at(index).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// All terms with their lists.
    pub(crate) fn lists(&self) -> impl Iterator<Item = Result<(u32, List<'a>)>> {
        (0..self.terms.len()).map(|index| Ok((u32::from_le_bytes(self.terms[index]), self.list_at(index)?)))
    }

    fn list_at(&self, index: usize) -> Result<List<'a>> {
        let (start, count) = (u32::from_le_bytes(self.starts[index]) as usize, u32::from_le_bytes(self.counts[index]) as usize);
        let documents = self.entry.documents as usize;
        let bitmap = is_bitmap(count, documents);
        let width = self.weights.bytes();
        let place_bytes = if bitmap { bitmap_bytes(documents) } else { 2 * count };
        let maxima_bytes = if bitmap { groups(documents) * width } else { 0 };
        let start_bytes = if has_starts(count, documents) { 2 * documents.div_ceil(BLOCK) } else { 0 };
        let bytes = self.lists.get(start..).and_then(|rest| rest.get(..place_bytes + maxima_bytes + start_bytes + count * width));
        let bytes = bytes.filter(|_| count <= documents).ok_or_else(|| {
            Error::damaged(self.path, format!("a list of the window at document {} reaches beyond it", self.entry.first))
        })?;
        let (places, rest) = bytes.split_at(place_bytes);
        let (maxima, rest) = rest.split_at(maxima_bytes);
        let (starts, codes) = rest.split_at(start_bytes);
        let places =
            if bitmap { Places::Bitmap { words: places.as_chunks().0, maxima } } else { Places::Offsets(places.as_chunks().0) };
        Ok(List { places, starts: starts.as_chunks().0, codes, width, largest: u16::from_le_bytes(self.largest[index]) })
    }

    /// The id of a document by its number within the window.
    pub(crate) fn id(&self, document: u32) -> Result<&'a str> {
        let end = |index: usize| self.id_ends.get(index).map(|bytes| u32::from_le_bytes(*bytes) as usize);
        let index = document as usize;
        let start = if index == 0 { Some(0) } else { end(index - 1) };
        let bytes = start.zip(end(index)).and_then(|(start, end)| self.ids.get(start..end));
        bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).ok_or_else(|| {
            Error::damaged(self.path, format!("document {document} of the window at {} has no id", self.entry.first))
        })
    }
}

impl List<'_> {
    /// The offsets and codes, one after another. Stops early where a damaged bitmap has more bits
    /// than there are codes.
    pub(crate) fn postings(&self) -> impl Iterator<Item = (u16, u16)> {
        let (offsets, words): (&[[u8; 2]], &[[u8; 8]]) = match self.places {
            Places::Offsets(offsets) => (offsets, &[]),
            Places::Bitmap { words, .. } => (&[], words),
        };
        let set = words.iter().enumerate().flat_map(|(index, word)| {
            let mut word = u64::from_le_bytes(*word);
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                word &= word.wrapping_sub(1);
                (bit < 64).then_some((index as u32 * 64 + bit) as u16)
            })
        });
        let places = offsets.iter().map(|bytes| u16::from_le_bytes(*bytes)).chain(set);
        places.zip(self.codes.chunks_exact(self.width).map(|bytes| match bytes {
            [low, high] => u16::from_le_bytes([*low, *high]),
            bytes => u16::from(bytes[0]),
        }))
    }
}
