//! Deleting documents, and taking their space back.

use crate::builder::{open_locked, segment_name, write_deletions};
use crate::deletions::Deletions;
use crate::error::Result;
use crate::index::{Info, Part, SparseIndex};
use crate::manifest::SegmentFile;
use crate::segment_writer::{Duplicates, SegmentWriter};
use crate::weights::Quantisation;
use crate::window::{MOST_POSTINGS, WindowBuilder};
use std::collections::VecDeque;
use std::path::Path;

/// Deletes the documents of these ids. Readers that open the index later do not find them. They
/// take space until the next [`compact`]. Returns their number. Ignores unknown ids.
///
/// # Errors
/// The index cannot be opened or is locked by another writer, or the disk is full. Then
/// nothing is deleted.
pub fn delete<S: AsRef<str>>(directory: impl AsRef<Path>, ids: impl IntoIterator<Item = S>) -> Result<u64> {
    let directory = directory.as_ref();
    let (index, _lock) = open_locked(directory)?;
    let mut sets: Vec<Deletions> = index.parts.iter().map(|part| part.deletions.clone()).collect();
    let mut changed = vec![false; sets.len()];
    let mut count = 0;
    for id in ids {
        for (place, part) in index.parts.iter().enumerate() {
            for number in part.segment.find(id.as_ref())? {
                let new = sets[place].insert(number);
                changed[place] |= new;
                count += u64::from(new);
            }
        }
    }
    if count > 0 {
        let mut manifest = index.manifest.clone();
        manifest.generation += 1;
        write_deletions(directory, &mut manifest, &sets, &changed)?;
        manifest.publish(directory)?;
    }
    Ok(count)
}

/// Rewrites the index as one segment of full windows, without deleted documents, with `memory`
/// bytes for sorting. Documents keep their order, ids and scores, and get new numbers. Open readers
/// keep the old index.
///
/// # Errors
/// The index cannot be opened, is damaged or locked by another writer, or the disk is full. The
/// index is then unchanged.
pub fn compact(directory: impl AsRef<Path>, memory: usize) -> Result<Info> {
    let directory = directory.as_ref();
    let (index, _lock) = open_locked(directory)?;
    index.verify()?;
    let mut manifest = index.manifest.clone();
    manifest.generation += 1;
    let name = segment_name(manifest.generation);
    let mut regrouping = Regrouping {
        writer: SegmentWriter::create(directory, &name, manifest.weights, manifest.window, memory / 4)?,
        windows: VecDeque::new(),
        assigned: Assigned::default(),
        size: manifest.window,
        directory,
        memory: memory / 4,
    };
    for part in &index.parts {
        for window in 0..part.segment.entries.len() {
            regrouping.take(part, window)?;
        }
    }
    let written = regrouping.finish()?;
    let quantisation = manifest.segments.iter().map(|segment| segment.quantisation);
    let quantisation = quantisation.fold(Quantisation::default(), Quantisation::join);
    manifest.segments.clear();
    if written.documents > 0 {
        manifest.segments.push(SegmentFile {
            file: name,
            bytes: written.bytes,
            documents: written.documents,
            postings: written.postings,
            quantisation,
            deletions: None,
        });
        written.out.publish()?;
    }
    manifest.publish(directory)?;
    Ok(SparseIndex::with(directory, manifest)?.info())
}

/// Old windows on their way into new ones. An old window falls into two new ones as a rule, so the
/// last ones stay open.
struct Regrouping<'a> {
    writer: SegmentWriter,
    windows: VecDeque<WindowBuilder>,
    /// How far the last of `windows` is assigned.
    assigned: Assigned,
    size: u32,
    directory: &'a Path,
    memory: usize,
}

/// Documents and postings that a new window is to have.
#[derive(Default)]
struct Assigned {
    documents: u32,
    postings: u64,
}

impl Regrouping<'_> {
    fn take(&mut self, part: &Part, index: usize) -> Result<()> {
        let window = part.segment.window(index)?;
        let mut sizes = vec![0_u32; window.entry.documents as usize];
        for list in window.lists() {
            for (offset, _) in list?.1.postings() {
                sizes[usize::from(offset)] += 1;
            }
        }
        let mut places: Vec<Option<(usize, u16)>> = vec![None; sizes.len()];
        for (number, place) in places.iter_mut().enumerate() {
            if !part.deletions.contains(window.entry.first + number as u32) {
                let (new, offset) = self.assign(u64::from(sizes[number]));
                let id = window.id(number as u32)?;
                self.writer.document(id)?;
                self.windows[new].document(id);
                *place = Some((new, offset));
            }
        }
        for list in window.lists() {
            let (term, list) = list?;
            for (offset, code) in list.postings() {
                if let Some((new, offset)) = places[usize::from(offset)] {
                    self.windows[new].posting(term, offset, code)?;
                }
            }
        }
        while self.windows.len() > 1 {
            self.windows.pop_front().map_or(Ok(()), |full| self.writer.window(full))?;
        }
        Ok(())
    }

    /// The position of the next document with this many postings: the open window and its number
    /// there.
    fn assign(&mut self, postings: u64) -> (usize, u16) {
        if self.windows.is_empty() || self.assigned.documents >= self.size || self.assigned.postings >= MOST_POSTINGS {
            self.windows.push_back(WindowBuilder::new(self.directory, self.memory));
            self.assigned = Assigned::default();
        }
        self.assigned.documents += 1;
        self.assigned.postings += postings;
        (self.windows.len() - 1, (self.assigned.documents - 1) as u16)
    }

    fn finish(mut self) -> Result<crate::segment_writer::Written> {
        for window in self.windows {
            self.writer.window(window)?;
        }
        self.writer.finish(Duplicates::Refuse)
    }
}
