//! A window being built: postings in any order, documents in theirs.

use crate::error::Result;
use crate::layout::{BLOCK, Entry, GROUP, bitmap_bytes, groups, has_starts, is_bitmap};
use crate::sorter::Sorter;
use crate::storage::Unfinished;
use crate::weights::StoredWeights;
use std::path::Path;

/// Postings after which a window takes no further document, so that its parts can be numbered in 32
/// bits.
pub(crate) const MOST_POSTINGS: u64 = 1 << 26;
/// Bytes of ids after which a window takes no further document.
const MOST_ID_BYTES: usize = 1 << 30;

/// Collects the documents of a window.
pub(crate) struct WindowBuilder {
    sorter: Sorter<u64>,
    postings: u64,
    id_ends: Vec<u32>,
    ids: Vec<u8>,
}

impl WindowBuilder {
    /// An empty window that holds at most `memory` bytes of postings.
    pub(crate) fn new(directory: &Path, memory: usize) -> Self {
        Self { sorter: Sorter::new(directory, memory), postings: 0, id_ends: Vec::new(), ids: Vec::new() }
    }

    pub(crate) fn documents(&self) -> usize {
        self.id_ends.len()
    }

    /// Whether the window takes no further document, where windows have `size` of them.
    pub(crate) fn is_full(&self, size: usize) -> bool {
        self.documents() >= size || self.postings >= MOST_POSTINGS || self.ids.len() >= MOST_ID_BYTES
    }

    /// Adds a document; its number within the window is the count of those before it.
    pub(crate) fn document(&mut self, id: &str) {
        self.ids.extend_from_slice(id.as_bytes());
        self.id_ends.push(self.ids.len() as u32);
    }

    /// Adds a posting of a document by its number within the window.
    pub(crate) fn posting(&mut self, term: u32, offset: u16, code: u16) -> Result<()> {
        self.postings += 1;
        self.sorter.push(u64::from(term) << 32 | u64::from(offset) << 16 | u64::from(code))
    }

    /// Writes the window. `first` is the number of its first document within the segment.
    pub(crate) fn write(self, out: &mut Unfinished, weights: StoredWeights, first: u32) -> Result<Entry> {
        let offset = out.written();
        let documents = self.documents();
        out.take_checksum();
        let mut directory = Directory::default();
        let mut list = TermList::default();
        for record in self.sorter.finish()? {
            let record = record?;
            let term = (record >> 32) as u32;
            if term != list.term && !list.offsets.is_empty() {
                list.write(out, &mut directory, weights, documents, offset)?;
            }
            list.term = term;
            list.offsets.push((record >> 16) as u16);
            list.codes.push(record as u16);
        }
        if !list.offsets.is_empty() {
            list.write(out, &mut directory, weights, documents, offset)?;
        }
        let list_bytes = (out.written() - offset) as u32;
        for numbers in [&directory.terms, &directory.starts, &directory.counts] {
            numbers.iter().try_for_each(|number| out.write(&number.to_le_bytes()))?;
        }
        directory.largest.iter().try_for_each(|code| out.write(&code.to_le_bytes()))?;
        self.id_ends.iter().try_for_each(|end| out.write(&end.to_le_bytes()))?;
        out.write(&self.ids)?;
        let (terms, id_bytes) = (directory.terms.len() as u32, self.ids.len() as u32);
        let (documents, postings, checksum) = (documents as u32, self.postings, out.take_checksum());
        Ok(Entry { offset, postings, list_bytes, terms, documents, id_bytes, first, checksum })
    }
}

/// A window's directory of lists.
#[derive(Default)]
struct Directory {
    terms: Vec<u32>,
    starts: Vec<u32>,
    counts: Vec<u32>,
    largest: Vec<u16>,
}

/// The postings of one term.
#[derive(Default)]
struct TermList {
    term: u32,
    offsets: Vec<u16>,
    codes: Vec<u16>,
    bytes: Vec<u8>,
}

impl TermList {
    /// Writes the list, and empties it.
    fn write(
        &mut self,
        out: &mut Unfinished,
        directory: &mut Directory,
        weights: StoredWeights,
        documents: usize,
        window: u64,
    ) -> Result<()> {
        directory.terms.push(self.term);
        directory.starts.push((out.written() - window) as u32);
        directory.counts.push(self.offsets.len() as u32);
        directory.largest.push(self.codes.iter().copied().max().unwrap_or(0));
        self.bytes.clear();
        let block = |block| self.offsets.partition_point(|offset| usize::from(*offset) < block * BLOCK) as u16;
        let blocks = if has_starts(self.offsets.len(), documents) { documents.div_ceil(BLOCK) } else { 0 };
        let starts: Vec<u16> = (0..blocks).map(block).collect();
        if is_bitmap(self.offsets.len(), documents) {
            self.bytes.resize(bitmap_bytes(documents), 0);
            let mut maxima = vec![0; groups(documents)];
            for (offset, code) in self.offsets.drain(..).zip(&self.codes) {
                self.bytes[usize::from(offset) / 8] |= 1 << (offset % 8);
                let largest = &mut maxima[usize::from(offset) / GROUP];
                *largest = (*largest).max(*code);
            }
            weights.write(maxima, &mut self.bytes);
        } else {
            self.bytes.extend(self.offsets.drain(..).flat_map(u16::to_le_bytes));
        }
        self.bytes.extend(starts.into_iter().flat_map(u16::to_le_bytes));
        weights.write(self.codes.drain(..), &mut self.bytes);
        out.write(&self.bytes)
    }
}
