//! Making an index, and adding to one.

use std::path::{Path, PathBuf};
use std::time::Instant;

use scaledown_sdk::component::{Document, Kind};
use scaledown_sdk::{Device, Error as SdkError};

use super::IndexError;
use super::chunk_store::{Addition, checksum};
use super::config::IndexConfig;
use super::description::IndexManifest;
use super::place::{self, IndexPlace};
use super::search::SearchIndex;
use crate::data::corpus::Chunks;
use crate::data::corpus::config::CorpusConfig;
use crate::plugins::registry;
use crate::support::progress::{Bar, Progress};
use crate::{Error, Result};

/// Builds the index of a configuration's corpus. An existing one stays, and can be searched, until
/// the new one is complete.
///
/// # Errors
/// If there is an index and it is not to be overwritten; if another run builds it or adds to it; if
/// the corpus is empty, a document cannot be read or two have one id; if the index cannot be
/// written, or the user interrupts.
pub fn build(config: &IndexConfig<'_>, device: &Device, overwrite: bool, progress: &dyn Progress) -> Result<SearchIndex> {
    let root = config.directory.clone();
    may_build(&root, overwrite)?;
    let corpus = corpus(config)?;
    let retriever = registry::stamped(Kind::Retriever, config.retriever);
    let chunks = Chunks::open(corpus)?;
    let _lock = place::lock(&root)?;
    // Again: another run may have made one before this one had the lock.
    match may_build(&root, overwrite)? {
        Present::Nothing => place::remove(&root, None)?,
        Present::Build(build) => place::remove(&root, Some(build))?,
        Present::Unknown => {}
    }
    let place = IndexPlace::create(&root)?;
    let manifest = IndexManifest::new(retriever, corpus.clone(), place.build);
    let filled = Filling { config, device, progress, place: &place, before: None, apart: true }.run(manifest, chunks);
    if let Err(error) = filled {
        // The next build removes leftovers; the user needs the reason of this failure.
        let _ = std::fs::remove_dir_all(place.directory());
        return Err(error);
    }
    place.remove_others()?;
    SearchIndex::open(config, device)
}

/// The state before a build.
enum Present {
    Nothing,
    /// The index of this build.
    Build(u32),
    /// Something that cannot be read, which is a reason to build.
    Unknown,
}

fn may_build(root: &Path, overwrite: bool) -> Result<Present> {
    match IndexManifest::read(root) {
        Ok(None) => Ok(Present::Nothing),
        Ok(Some(_)) if !overwrite => Err(IndexError::Exists(root.to_owned()).into()),
        Ok(Some(manifest)) => Ok(Present::Build(manifest.build)),
        Err(error) if overwrite && matches!(error.downcast_ref(), Some(IndexError::Damaged { .. })) => Ok(Present::Unknown),
        Err(error) => Err(error),
    }
}

/// Adds the documents of a configuration's corpus to its index. Documents with known ids are
/// replaced. If it fails before all are read, the index is unchanged, provided that the retriever
/// is atomic.
///
/// # Errors
/// If there is no index; otherwise see [`build()`].
pub fn add(config: &IndexConfig<'_>, device: &Device, progress: &dyn Progress) -> Result<SearchIndex> {
    let root = config.directory.clone();
    let missing = || IndexError::Missing(root.clone());
    IndexManifest::read(&root)?.ok_or_else(missing)?.check(config, &root)?;
    let chunks = Chunks::open(corpus(config)?)?;
    let _lock = place::lock(&root)?;
    // Again: another run may have changed it before this one had the lock.
    let before = IndexManifest::read(&root)?.ok_or_else(missing)?;
    let place = before.place(&root);
    place.remove_others()?;
    let manifest = IndexManifest { additions: before.additions.saturating_add(1), ..before.clone() };
    let retriever = registry::retriever(config.retriever, device, &place.retriever())?;
    // Adds to a copy of the retriever's files, so that the old index stays in use until the copy is
    // complete.
    if !before.complete || !retriever.all_or_nothing() {
        drop(retriever);
        Filling { config, device, progress, place: &place, before: Some(before), apart: false }.run(manifest, chunks)?;
        return SearchIndex::open(config, device);
    }
    // Damage would go over into files whose checksums are right.
    retriever.verify()?;
    drop(retriever);
    let copy = place.copy()?;
    let manifest = IndexManifest { build: copy.build, ..manifest };
    let filled = Filling { config, device, progress, place: &copy, before: Some(before), apart: true }.run(manifest, chunks);
    if let Err(error) = filled {
        // The next run removes leftovers; the user needs the reason of this failure.
        let _ = std::fs::remove_dir_all(copy.directory());
        return Err(error);
    }
    copy.remove_others()?;
    SearchIndex::open(config, device)
}

/// The corpus, which the index is made of.
fn corpus<'a>(config: &IndexConfig<'a>) -> Result<&'a CorpusConfig> {
    let missing = "nothing to index; add a table [corpus] with a `format` key";
    config.corpus.ok_or_else(|| Error::usage(missing))
}

struct Filling<'a> {
    config: &'a IndexConfig<'a>,
    device: &'a Device,
    progress: &'a dyn Progress,
    place: &'a IndexPlace,
    /// The index to add to.
    before: Option<IndexManifest>,
    /// Whether the index is not searched before it is complete.
    apart: bool,
}

impl Filling<'_> {
    /// Adds chunks to the store and to the retriever; then the index is complete.
    fn run(self, manifest: IndexManifest, chunks: Chunks) -> Result<()> {
        let Filling { config, device, progress, place, before, apart } = self;
        let addition = Addition::start(place, manifest.additions)?;
        let mut retriever = registry::retriever(config.retriever, device, &place.retriever())?;
        if before.is_some() && !apart {
            // Adding merges old and new files, so that damage would spread into files with correct
            // checksums.
            retriever.verify()?;
        }
        let all_or_nothing = retriever.all_or_nothing();
        if let Some(before) = before.as_ref().filter(|before| before.complete && !all_or_nothing && !apart) {
            IndexManifest { complete: false, ..before.clone() }.write(&place.root)?;
        }
        let mut stream = ChunkStream {
            corpus: corpus(config)?.path.clone(),
            chunks,
            addition,
            place,
            before: before.as_ref().filter(|_| !apart),
            manifest,
            bar: progress.spinner("indexing"),
            began: Instant::now(),
            count: 0,
            progress,
            failure: None,
        };
        let indexed = retriever.index(&mut stream);
        let ChunkStream { addition, mut manifest, bar, failure, .. } = stream;
        drop(bar);
        if let Some(failure) = failure {
            return Err(failure);
        }
        if let Err(error) = indexed {
            if let Some(before) = before.filter(|_| all_or_nothing && !apart) {
                before.write(&place.root)?;
            }
            return Err(error.into());
        }
        manifest.chunks = addition.finish()?;
        manifest.complete = true;
        manifest.goal = None;
        manifest.write(&place.root)
    }
}

/// The chunks as the retriever reads them; on the way, each is put into the store.
struct ChunkStream<'a> {
    corpus: PathBuf,
    chunks: Chunks,
    addition: Addition,
    place: &'a IndexPlace,
    before: Option<&'a IndexManifest>,
    /// The new index.
    manifest: IndexManifest,
    bar: Box<dyn Bar>,
    began: Instant,
    count: u64,
    progress: &'a dyn Progress,
    /// The host's error that ended the stream; the retriever only sees its end.
    failure: Option<Error>,
}

impl ChunkStream<'_> {
    fn take(&mut self) -> Result<Option<Document>> {
        if self.progress.cancelled() {
            return Err(Error::interrupted("the index is incomplete; run the command again"));
        }
        let Some(chunk) = self.chunks.next().transpose()? else {
            self.end()?;
            return Ok(None);
        };
        self.addition.put(&chunk.id, &chunk.text)?;
        self.manifest.checksum = checksum(self.manifest.checksum, &chunk.id, chunk.text.as_bytes());
        self.count += 1;
        if self.count.is_multiple_of(100) {
            self.bar.say(&format!("{} chunks, {:.0} per second", self.count, self.rate()));
        }
        Ok(Some(Document { id: chunk.id, text: chunk.text }))
    }

    /// Before the retriever sees the stream's end: defects of the documents are found now.
    fn end(&mut self) -> Result<()> {
        if self.count == 0 {
            return Err(IndexError::Empty(self.corpus.clone()).into());
        }
        self.addition.flush()?;
        let Some(before) = self.before else { return Ok(()) };
        let goal = self.manifest.checksum;
        if before.goal.is_some_and(|expected| expected != goal) {
            return Err(IndexError::OtherAddition(self.place.root.clone()).into());
        }
        // From here on the retriever may have the documents, and the store does not have their
        // texts yet. If the run is killed now, the same documents are to be added once more.
        let additions = self.manifest.additions;
        IndexManifest { complete: false, goal: Some(goal), additions, ..before.clone() }.write(&self.place.root)
    }

    fn rate(&self) -> f64 {
        self.count as f64 / self.began.elapsed().as_secs_f64().max(1e-9)
    }
}

impl Iterator for ChunkStream<'_> {
    type Item = scaledown_sdk::Result<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failure.is_some() {
            return None;
        }
        self.take()
            .map_err(|error| self.failure = Some(error))
            .map_or_else(|()| Some(Err(SdkError::Input("cannot read the corpus".into()))), |document| document.map(Ok))
    }
}
