//! An open index.

use crate::deletions::Deletions;
use crate::error::{Error, Result};
use crate::manifest::{self, Manifest};
use crate::search::Query;
use crate::segment::Segment;
use crate::top::Top;
use crate::weights::{Quantisation, StoredWeights};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// An index opened for searching: a snapshot, unaffected by writers. It can be shared between
/// threads.
pub struct SparseIndex {
    directory: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) parts: Vec<Part>,
}

/// A segment, its deletions, and the number of its first document.
pub(crate) struct Part {
    pub segment: Segment,
    pub deletions: Deletions,
    pub base: u64,
}

/// A document that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentHit {
    /// Its number: documents are numbered in insertion order; compaction renumbers them.
    pub document: u64,
    /// Its id.
    pub id: String,
    /// The dot product of the query and the stored weights; above zero.
    pub score: f32,
}

/// The contents of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// Documents that can be found.
    pub documents: u64,
    /// Documents that are deleted and still take space.
    pub deleted: u64,
    /// Postings, those of deleted documents among them.
    pub postings: u64,
    /// Segments: one a build, append or compaction.
    pub segments: usize,
    /// Windows, over all segments.
    pub windows: usize,
    /// Bytes of all files.
    pub bytes: u64,
    /// How weights are stored.
    pub weights: StoredWeights,
    /// How far stored weights are from the original ones.
    pub quantisation: Quantisation,
}

impl SparseIndex {
    /// Opens the index of a directory. Checks the manifest, and the header and table of every file;
    /// [`SparseIndex::verify`] checks the rest.
    ///
    /// # Errors
    /// The directory holds no index, or one of another format, or a damaged or foreign file.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        for attempt in 0.. {
            let manifest = Manifest::read(directory)?;
            match Self::with(directory, manifest) {
                // A writer may have replaced the files between the two steps; then the manifest is
                // a newer one.
                Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound && attempt < 3 => {}
                opened => return opened,
            }
        }
        Err(Error::Missing { path: directory.to_owned() })
    }

    pub(crate) fn with(directory: &Path, manifest: Manifest) -> Result<Self> {
        let mut parts = Vec::with_capacity(manifest.segments.len());
        let mut base = 0;
        for file in &manifest.segments {
            let path = directory.join(&file.file);
            let segment = Segment::open(&path, file.bytes)?;
            let same = segment.footer.documents == file.documents && segment.footer.weights == manifest.weights;
            if !same || segment.footer.window != manifest.window {
                return Err(Error::damaged(&path, format!("it does not belong to the {} beside it", manifest::NAME)));
            }
            let deletions = Deletions::read(directory, file)?;
            parts.push(Part { segment, deletions, base });
            base += u64::from(file.documents);
        }
        Ok(Self { directory: directory.to_owned(), manifest, parts })
    }

    /// The `k` documents of the largest dot products with the query, on this thread: the best
    /// first, and of equal scores the document that was added first. Exactly what computing every
    /// score would give, with stored weights. Documents that share no term with the query are not
    /// hits.
    ///
    /// # Errors
    /// A weight of the query is negative, not finite or above 1e20, a term occurs twice, or the
    /// index is damaged.
    pub fn search(&self, query: &[(u32, f32)], k: usize) -> Result<Vec<DocumentHit>> {
        let query = Query::new(query, self.manifest.weights)?;
        let mut top = Top::new(k);
        for (part, window) in self.windows() {
            if k > 0 {
                part.search(&query, window, &mut top)?;
            }
        }
        self.hits(top)
    }

    /// Searches for every query, several at a time on the threads of the current rayon pool. The
    /// results are those of [`SparseIndex::search`], in the order of the queries.
    ///
    /// # Errors
    /// Those of [`SparseIndex::search`], of the first query that has one.
    pub fn search_batch<Q: AsRef<[(u32, f32)]> + Sync>(&self, queries: &[Q], k: usize) -> Result<Vec<Vec<DocumentHit>>> {
        let results: Vec<Result<Vec<DocumentHit>>> = queries.par_iter().map(|query| self.search(query.as_ref(), k)).collect();
        results.into_iter().collect()
    }

    /// As [`SparseIndex::search`], with the windows shared out between the threads of the current
    /// rayon pool: for few queries on a large index.
    ///
    /// # Errors
    /// Those of [`SparseIndex::search`].
    pub fn search_wide(&self, query: &[(u32, f32)], k: usize) -> Result<Vec<DocumentHit>> {
        let query = Query::new(query, self.manifest.weights)?;
        let windows: Vec<(&Part, usize)> = self.windows().collect();
        let share = windows.len().div_ceil(rayon::current_num_threads()).max(1);
        let search = |share: &[(&Part, usize)]| {
            let mut top = Top::new(k);
            share.iter().filter(|_| k > 0).try_for_each(|(part, window)| part.search(&query, *window, &mut top))?;
            Ok(top)
        };
        let joined = windows.par_chunks(share).map(search).try_reduce(|| Top::new(k), |a, b| Ok(a.join(b)))?;
        self.hits(joined)
    }

    fn windows(&self) -> impl Iterator<Item = (&Part, usize)> {
        self.parts.iter().flat_map(|part| (0..part.segment.entries.len()).map(move |window| (part, window)))
    }

    fn hits(&self, top: Top) -> Result<Vec<DocumentHit>> {
        let hit = |(document, score)| Ok(DocumentHit { document, id: self.id(document)?.unwrap_or_default().to_owned(), score });
        top.into_sorted().into_iter().map(|scored| hit((scored.document, scored.score))).collect()
    }

    /// The id of a document, deleted or not, by its number; None if there is no such number.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn id(&self, document: u64) -> Result<Option<&str>> {
        let part = self.parts.partition_point(|part| part.base <= document).checked_sub(1).map(|part| &self.parts[part]);
        match part.map(|part| (part, document - part.base)) {
            Some((part, number)) if number < u64::from(part.segment.footer.documents) => part.segment.id(number as u32).map(Some),
            _ => Ok(None),
        }
    }

    /// The number of the document of an id, unless it is deleted or was never there.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn document(&self, id: &str) -> Result<Option<u64>> {
        for part in &self.parts {
            let found = part.segment.find(id)?.into_iter().find(|number| !part.deletions.contains(*number));
            if let Some(number) = found {
                return Ok(Some(part.base + u64::from(number)));
            }
        }
        Ok(None)
    }

    /// Reads every file and checks its checksums.
    ///
    /// # Errors
    /// The first part that is damaged.
    pub fn verify(&self) -> Result<()> {
        self.parts.iter().try_for_each(|part| part.segment.verify())
    }

    /// The number of documents that can be found.
    #[must_use]
    pub fn documents(&self) -> u64 {
        let all: u64 = self.manifest.segments.iter().map(|segment| u64::from(segment.documents)).sum();
        all - self.parts.iter().map(|part| u64::from(part.deletions.count())).sum::<u64>()
    }

    /// The contents of the index.
    pub fn info(&self) -> Info {
        let deleted = self.parts.iter().map(|part| u64::from(part.deletions.count())).sum();
        let files = |name: &String| std::fs::metadata(self.directory.join(name)).map_or(0, |file| file.len());
        let deletions = self.manifest.segments.iter().filter_map(|segment| segment.deletions.as_ref());
        let quantisation = self.manifest.segments.iter().map(|segment| segment.quantisation);
        Info {
            documents: self.documents(),
            deleted,
            postings: self.manifest.segments.iter().map(|segment| segment.postings).sum(),
            segments: self.parts.len(),
            windows: self.windows().count(),
            bytes: self.manifest.segments.iter().map(|segment| segment.bytes).sum::<u64>()
                + deletions.map(|deletions| files(&deletions.file)).sum::<u64>()
                + files(&manifest::NAME.to_owned()),
            weights: self.manifest.weights,
            quantisation: quantisation.fold(Quantisation::default(), Quantisation::join),
        }
    }
}

impl Part {
    fn search(&self, query: &Query, window: usize, top: &mut Top) -> Result<()> {
        query.search(&self.segment, &self.deletions, self.base, window, top)
    }
}
