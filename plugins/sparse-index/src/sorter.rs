//! Sorting more than fits in memory: sorted runs in temporary files, merged at the end.

use crate::error::{Error, Result};
use crate::storage::Limited;
use rayon::slice::ParallelSliceMut;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// Runs that are merged at a time. One more, and they become one.
const FAN_IN: usize = 64;

/// A sortable record: a number in its own width.
pub(crate) trait Record: Copy + Ord + Send {
    /// Its bytes in a file.
    type Bytes: AsRef<[u8]> + AsMut<[u8]> + Default;
    fn to_bytes(self) -> Self::Bytes;
    fn from_bytes(bytes: Self::Bytes) -> Self;
}

impl Record for u64 {
    type Bytes = [u8; 8];
    fn to_bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
    fn from_bytes(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

impl Record for u128 {
    type Bytes = [u8; 16];
    fn to_bytes(self) -> [u8; 16] {
        self.to_le_bytes()
    }
    fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

/// Takes records in any order, and gives them back in ascending order. Its files have no name, so
/// they go with the process.
pub(crate) struct Sorter<R> {
    directory: PathBuf,
    buffer: Vec<R>,
    capacity: usize,
    runs: Vec<File>,
}

impl<R: Record> Sorter<R> {
    /// A sorter that holds at most `memory` bytes of records (but at least 64 records) and writes
    /// the rest below `directory`.
    pub(crate) fn new(directory: &Path, memory: usize) -> Self {
        let capacity = (memory / size_of::<R>()).max(64);
        Self { directory: directory.to_owned(), buffer: Vec::new(), capacity, runs: Vec::new() }
    }

    pub(crate) fn push(&mut self, record: R) -> Result<()> {
        if self.buffer.len() == self.capacity {
            self.spill()?;
        }
        if self.buffer.len() == self.buffer.capacity() {
            // Doubling would overshoot the budget.
            let more = self.buffer.len().max(1024).min(self.capacity - self.buffer.len());
            self.buffer.reserve_exact(more);
        }
        self.buffer.push(record);
        Ok(())
    }

    fn spill(&mut self) -> Result<()> {
        self.buffer.par_sort_unstable();
        if self.runs.len() == FAN_IN {
            let merged: Merge<R> = Merge::new(std::mem::take(&mut self.runs), &self.directory)?;
            self.runs.push(write_run(merged, &self.directory)?);
        }
        self.runs.push(write_run(self.buffer.drain(..).map(Ok), &self.directory)?);
        Ok(())
    }

    /// The records in ascending order.
    pub(crate) fn finish(mut self) -> Result<Sorted<R>> {
        if self.runs.is_empty() {
            self.buffer.par_sort_unstable();
            return Ok(Sorted::Memory(self.buffer.into_iter()));
        }
        if !self.buffer.is_empty() {
            self.spill()?;
        }
        drop(std::mem::take(&mut self.buffer));
        Ok(Sorted::Runs(Merge::new(self.runs, &self.directory)?))
    }
}

fn write_run<R: Record>(records: impl Iterator<Item = Result<R>>, directory: &Path) -> Result<File> {
    let file = tempfile::tempfile_in(directory).map_err(Error::io("create a temporary file in", directory))?;
    let mut out = BufWriter::with_capacity(1 << 18, Limited(file));
    for record in records {
        out.write_all(record?.to_bytes().as_ref()).map_err(Error::io("write a temporary file in", directory))?;
    }
    let inner = out.into_inner().map_err(|error| error.into_error());
    let mut file = inner.map_err(Error::io("write a temporary file in", directory))?.0;
    file.rewind().map_err(Error::io("read a temporary file in", directory))?;
    Ok(file)
}

/// Records in ascending order.
pub(crate) enum Sorted<R> {
    Memory(std::vec::IntoIter<R>),
    Runs(Merge<R>),
}

impl<R: Record> Iterator for Sorted<R> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        match self {
            Self::Memory(records) => records.next().map(Ok),
            Self::Runs(merge) => merge.next(),
        }
    }
}

/// Sorted runs, merged.
pub(crate) struct Merge<R> {
    directory: PathBuf,
    runs: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<(R, usize)>>,
    records: PhantomData<R>,
}

impl<R: Record> Merge<R> {
    fn new(files: Vec<File>, directory: &Path) -> Result<Self> {
        let runs = files.into_iter().map(|file| BufReader::with_capacity(1 << 16, file)).collect();
        let mut merge = Self { directory: directory.to_owned(), runs, heads: BinaryHeap::new(), records: PhantomData };
        for run in 0..merge.runs.len() {
            merge.advance(run)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, run: usize) -> Result<()> {
        let mut bytes = R::Bytes::default();
        match self.runs[run].read_exact(bytes.as_mut()) {
            Ok(()) => self.heads.push(Reverse((R::from_bytes(bytes), run))),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(Error::io("read a temporary file in", &self.directory)(error)),
        }
        Ok(())
    }
}

impl<R: Record> Iterator for Merge<R> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        let Reverse((record, run)) = self.heads.pop()?;
        Some(self.advance(run).map(|()| record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::faults;

    fn scattered(n: u64) -> Vec<u64> {
        (0..n).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20).collect()
    }

    #[test]
    fn runs_are_merged_even_when_there_are_many() {
        let directory = tempfile::tempdir().unwrap();
        for n in [0, 1, 63, 64, 65, 1000, 64 * 70] {
            let mut sorter = Sorter::new(directory.path(), 0);
            let mut expected = scattered(n);
            for &record in &expected {
                sorter.push(record).unwrap();
            }
            expected.sort_unstable();
            let sorted: Vec<u64> = sorter.finish().unwrap().map(|record| record.unwrap()).collect();
            assert_eq!(sorted, expected);
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(directory.path(), 0);
        faults::limit(Some(700));
        let result = scattered(1000).into_iter().try_for_each(|record| sorter.push(record));
        faults::limit(None);
        assert!(result.unwrap_err().to_string().starts_with("could not write a temporary file in "));
    }
}
