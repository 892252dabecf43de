//! Building an index, and appending to one.

use crate::deletions::Deletions;
use crate::error::{Error, Result};
use crate::index::{Info, SparseIndex};
use crate::manifest::{self, Manifest, SegmentFile};
use crate::segment_writer::{Duplicates, SegmentWriter};
use crate::storage::sync_directory;
use crate::weights::{Quantisation, StoredWeights};
use crate::window::WindowBuilder;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Bytes of the longest id.
const LONGEST_ID: usize = 65535;
/// Terms of the largest document.
const MOST_TERMS: usize = 1 << 20;

/// How an index is built.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexSettings {
    /// How weights are stored. Fixed when the index is created.
    pub weights: StoredWeights,
    /// Documents in a window, from 1 to 65536. Fixed when the index is created; less than the
    /// default costs speed and space.
    pub window: u32,
    /// Bytes that postings and ids may take in memory while they are sorted; the rest goes through
    /// temporary files in the index's directory. The process needs some more: up to 14 bytes a
    /// different term of one window, and its ids.
    pub memory: usize,
    /// The treatment of a document with a known id.
    pub duplicates: Duplicates,
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self { weights: StoredWeights::default(), window: 65536, memory: 512 << 20, duplicates: Duplicates::default() }
    }
}

/// Takes documents one after another. Nothing is published until [`Builder::finish`]: dropping a
/// builder leaves the directory unchanged.
pub struct Builder {
    directory: PathBuf,
    settings: IndexSettings,
    manifest: Manifest,
    existing: Option<SparseIndex>,
    /// Documents of the existing segments that are replaced: the place of the segment, the
    /// document's number in it.
    replaced: Vec<(usize, u32)>,
    writer: SegmentWriter,
    window: WindowBuilder,
    quantisation: Quantisation,
    terms: Vec<(u32, f32)>,
    _lock: File,
}

impl Builder {
    /// Starts a new index in a directory, which is made if it is not there.
    ///
    /// # Errors
    /// The directory holds an index or cannot be written, or a setting is out of range.
    pub fn create(directory: impl AsRef<Path>, settings: &IndexSettings) -> Result<Self> {
        let directory = directory.as_ref();
        settings.weights.check()?;
        if !(1..=65536).contains(&settings.window) {
            return Err(Error::Setting { key: "window", value: settings.window.to_string(), expected: "1 to 65536" });
        }
        std::fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
        let lock = manifest::lock(directory)?;
        if directory.join(manifest::NAME).exists() {
            return Err(Error::Exists { path: directory.to_owned() });
        }
        Self::start(directory, settings.clone(), Manifest::new(settings.weights, settings.window), None, lock)
    }

    /// Starts adding documents to an index, as new windows after the existing ones. The settings
    /// `weights` and `window` are those of the index, whatever is said here.
    ///
    /// # Errors
    /// The directory contains no index or a damaged one, or is locked by another writer.
    pub fn append(directory: impl AsRef<Path>, settings: &IndexSettings) -> Result<Self> {
        let directory = directory.as_ref();
        let (existing, lock) = open_locked(directory)?;
        let mut manifest = existing.manifest.clone();
        manifest.generation += 1;
        let settings = IndexSettings { weights: manifest.weights, window: manifest.window, ..settings.clone() };
        Self::start(directory, settings, manifest, Some(existing), lock)
    }

    fn start(
        directory: &Path,
        settings: IndexSettings,
        manifest: Manifest,
        existing: Option<SparseIndex>,
        lock: File,
    ) -> Result<Self> {
        manifest.tidy(directory);
        let name = segment_name(manifest.generation);
        let writer = SegmentWriter::create(directory, &name, settings.weights, settings.window, settings.memory / 4)?;
        Ok(Self {
            directory: directory.to_owned(),
            window: WindowBuilder::new(directory, settings.memory / 4 * 3),
            settings,
            manifest,
            existing,
            replaced: Vec::new(),
            writer,
            quantisation: Quantisation::default(),
            terms: Vec::new(),
            _lock: lock,
        })
    }

    /// Adds a document: its id, and its terms with their weights, in any order. Drops terms of
    /// weight zero. A document without terms is stored and never found.
    ///
    /// # Errors
    /// The id is empty, too long or there already (unless documents may be replaced); a weight
    /// cannot be stored; a term occurs twice; the disk is full. Nothing of a refused document is
    /// kept. After an error of the disk the builder can only be dropped.
    pub fn add(&mut self, id: &str, terms: &[(u32, f32)]) -> Result<()> {
        self.check(id, terms)?;
        if let Some(existing) = &self.existing {
            for (place, part) in existing.parts.iter().enumerate() {
                let found = part.segment.find(id)?.into_iter().find(|number| !part.deletions.contains(*number));
                match found {
                    Some(_) if self.settings.duplicates == Duplicates::Refuse => return Err(Error::Duplicate { id: id.into() }),
                    Some(number) => self.replaced.push((place, number)),
                    None => {}
                }
            }
        }
        let offset = self.window.documents() as u16;
        for index in 0..self.terms.len() {
            let (term, weight) = self.terms[index];
            if let Some(code) = self.settings.weights.encode(weight) {
                self.quantisation.record(weight, self.settings.weights.decode(code));
                self.window.posting(term, offset, code)?;
            }
        }
        self.writer.document(id)?;
        self.window.document(id);
        if self.window.is_full(self.settings.window as usize) {
            let empty = WindowBuilder::new(&self.directory, self.settings.memory / 4 * 3);
            self.writer.window(std::mem::replace(&mut self.window, empty))?;
        }
        Ok(())
    }

    /// Checks a document, and leaves its terms, ordered and without zeros, in `self.terms`.
    fn check(&mut self, id: &str, terms: &[(u32, f32)]) -> Result<()> {
        let refuse = |what: String| Err(Error::Document { id: id.chars().take(100).collect(), what });
        if id.is_empty() || id.len() > LONGEST_ID {
            return refuse(format!("its id has {} bytes, and ids have 1 to {LONGEST_ID}", id.len()));
        }
        if terms.len() > MOST_TERMS {
            return refuse(format!("it has {} terms, and documents have at most {MOST_TERMS}", terms.len()));
        }
        self.terms.clear();
        self.terms.extend(terms.iter().filter(|(_, weight)| *weight != 0.0));
        self.terms.sort_unstable_by_key(|(term, _)| *term);
        let weights = self.settings.weights;
        if let Some((term, weight)) = self.terms.iter().find(|(_, weight)| weights.encode(*weight).is_none()) {
            let largest = weights.largest();
            return refuse(format!("its term {term} has weight {weight}, and weights go from 0 to {largest}"));
        }
        if let Some([(term, _), _]) = self.terms.array_windows().find(|[a, b]| a.0 == b.0) {
            return refuse(format!("duplicate term {term}; add its weights"));
        }
        Ok(())
    }

    /// Publishes what was added: every later open sees it. Gives
    /// what the index holds now.
    ///
    /// # Errors
    /// Two documents have the same id (unless they may be replaced), or the disk is full. The
    /// directory is then unchanged.
    pub fn finish(mut self) -> Result<Info> {
        self.writer.window(self.window)?;
        let written = self.writer.finish(self.settings.duplicates)?;
        let generation = self.manifest.generation;
        let mut deletions: Vec<Deletions> =
            self.existing.iter().flat_map(|index| index.parts.iter().map(|part| part.deletions.clone())).collect();
        let mut changed = vec![false; deletions.len()];
        for (place, number) in self.replaced {
            changed[place] |= deletions[place].insert(number);
        }
        if written.documents > 0 {
            self.manifest.segments.push(SegmentFile {
                file: segment_name(generation),
                bytes: written.bytes,
                documents: written.documents,
                postings: written.postings,
                quantisation: self.quantisation,
                deletions: None,
            });
            let mut own = Deletions::default();
            written.replaced.into_iter().for_each(|number| _ = own.insert(number));
            changed.push(own.count() > 0);
            deletions.push(own);
            written.out.publish()?;
        }
        write_deletions(&self.directory, &mut self.manifest, &deletions, &changed)?;
        self.manifest.publish(&self.directory)?;
        Ok(SparseIndex::with(&self.directory, self.manifest)?.info())
    }
}

/// Opens an index and keeps other writers out of it.
pub(crate) fn open_locked(directory: &Path) -> Result<(SparseIndex, File)> {
    if !directory.join(manifest::NAME).exists() {
        return Err(Error::Missing { path: directory.to_owned() });
    }
    let lock = manifest::lock(directory)?;
    Ok((SparseIndex::open(directory)?, lock))
}

pub(crate) fn segment_name(generation: u64) -> String {
    format!("segment-{generation:08}.sparse")
}

/// Writes those sets of deletions that changed, and names them in the manifest.
pub(crate) fn write_deletions(directory: &Path, manifest: &mut Manifest, sets: &[Deletions], changed: &[bool]) -> Result<()> {
    let generation = manifest.generation;
    for (place, segment) in manifest.segments.iter_mut().enumerate() {
        if changed[place] {
            sets[place].write(directory, segment, format!("deletions-{generation:08}-{place:04}.bits"))?;
        }
    }
    sync_directory(directory)
}
