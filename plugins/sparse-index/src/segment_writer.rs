//! Writing a segment: windows, then the lookup of ids, the table and the footer.

use crate::error::{Error, Result};
use crate::layout::{Entry, Footer, header};
use crate::sorter::Sorter;
use crate::storage::Unfinished;
use crate::weights::StoredWeights;
use crate::window::WindowBuilder;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The treatment of a document with a known id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// The build ends with an error that names the id.
    #[default]
    Refuse,
    /// The later document replaces the earlier one, which counts as deleted.
    Replace,
}

/// The hash that orders the lookup: FNV-1a, with its bits mixed at the end.
pub(crate) fn hash(id: &[u8]) -> u64 {
    let sum = id.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (sum ^ (sum >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A segment being written.
pub(crate) struct SegmentWriter {
    out: Unfinished,
    path: PathBuf,
    weights: StoredWeights,
    window: u32,
    entries: Vec<Entry>,
    documents: u32,
    ids: Sorter<u128>,
}

/// A segment that is written and not yet published.
pub(crate) struct Written {
    pub out: Unfinished,
    pub bytes: u64,
    pub documents: u32,
    pub postings: u64,
    /// Documents that a later one of this segment replaces.
    pub replaced: Vec<u32>,
}

impl SegmentWriter {
    /// Starts the segment `directory/name`; its lookup is sorted in `memory` bytes.
    pub(crate) fn create(directory: &Path, name: &str, weights: StoredWeights, window: u32, memory: usize) -> Result<Self> {
        let mut out = Unfinished::create(directory, name)?;
        out.write(&header())?;
        let (path, ids) = (directory.join(name), Sorter::new(directory, memory));
        Ok(Self { out, path, weights, window, entries: Vec::new(), documents: 0, ids })
    }

    /// Notes the id of the next document.
    pub(crate) fn document(&mut self, id: &str) -> Result<()> {
        if self.documents == u32::MAX {
            return Err(Error::Full { what: "a segment has at most 4294967295 documents" });
        }
        self.ids.push(u128::from(hash(id.as_bytes())) << 32 | u128::from(self.documents))?;
        self.documents += 1;
        Ok(())
    }

    /// Writes a window, whose documents were noted before.
    pub(crate) fn window(&mut self, window: WindowBuilder) -> Result<()> {
        if window.documents() == 0 {
            return Ok(());
        }
        let first = self.entries.last().map_or(0, |last| last.first + last.documents);
        self.entries.push(window.write(&mut self.out, self.weights, first)?);
        Ok(())
    }

    /// Writes the sections after the windows.
    pub(crate) fn finish(mut self, duplicates: Duplicates) -> Result<Written> {
        let lookup = self.out.written();
        let replaced = self.lookup(duplicates)?;
        let lookup_checksum = self.out.take_checksum();
        for entry in &self.entries {
            self.out.write(&entry.to_bytes())?;
        }
        let footer = Footer {
            lookup,
            lookup_checksum,
            windows: self.entries.len() as u32,
            documents: self.documents,
            weights: self.weights,
            window: self.window,
        };
        let table = self.out.take_checksum();
        self.out.write(&footer.to_bytes(table))?;
        let postings = self.entries.iter().map(|entry| entry.postings).sum();
        Ok(Written { bytes: self.out.written(), out: self.out, documents: self.documents, postings, replaced })
    }

    /// Writes the lookup, and finds documents of the same id on the way: their hashes are side by
    /// side.
    fn lookup(&mut self, duplicates: Duplicates) -> Result<Vec<u32>> {
        let mut reader = self.out.reader()?;
        self.out.take_checksum();
        let mut replaced = Vec::new();
        let mut group: Vec<(String, u32)> = Vec::new();
        let mut previous: Option<u128> = None;
        let ids = std::mem::replace(&mut self.ids, Sorter::new(Path::new(""), 0));
        for record in ids.finish()? {
            let record = record?;
            let document = record as u32;
            self.out.write(&document.to_le_bytes())?;
            match previous.replace(record) {
                Some(before) if before >> 32 == record >> 32 => {
                    if group.is_empty() {
                        group.push((self.id(&mut reader, before as u32)?, before as u32));
                    }
                    let id = self.id(&mut reader, document)?;
                    match group.iter_mut().find(|(other, _)| *other == id) {
                        Some(_) if duplicates == Duplicates::Refuse => return Err(Error::Duplicate { id }),
                        Some((_, earlier)) => replaced.push(std::mem::replace(earlier, document)),
                        None => group.push((id, document)),
                    }
                }
                _ => group.clear(),
            }
        }
        Ok(replaced)
    }

    /// Reads back the id of a document.
    fn id(&self, file: &mut File, document: u32) -> Result<String> {
        let entry = &self.entries[self.entries.partition_point(|entry| entry.first <= document) - 1];
        let ends = entry.ids_offset();
        let within = u64::from(document - entry.first);
        let mut read = |at: u64, bytes: &mut [u8]| {
            file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(bytes)).map_err(Error::io("read", &self.path))
        };
        let (mut start, mut end) = ([0; 4], [0; 4]);
        if within > 0 {
            read(ends + (within - 1) * 4, &mut start)?;
        }
        read(ends + within * 4, &mut end)?;
        let (start, end) = (u32::from_le_bytes(start), u32::from_le_bytes(end));
        let mut id = vec![0; (end - start) as usize];
        read(ends + u64::from(entry.documents) * 4 + u64::from(start), &mut id)?;
        String::from_utf8(id).map_err(|_| Error::damaged(&self.path, "an id is not UTF-8"))
    }
}
