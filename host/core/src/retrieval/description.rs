//! An index's sources and contents.

use std::path::{Path, PathBuf};

use scaledown_sdk::component::Kind;
use scaledown_sdk::files::{FileKind, read_bytes};
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use super::IndexError;
use super::config::IndexConfig;
use super::place::IndexPlace;
use super::search::SearchIndex;
use crate::data::corpus::config::CorpusConfig;
use crate::plugins::{Component, registry};
use crate::support::artifact;
use crate::{Error, Result};

/// The file that says what an index was made from.
const NAME: &str = "index.json";

/// The text before the checksum in that file.
const SEAL: &[u8] = b"\"file_crc32c\": \"";
/// The checksum while it is not known, and as it counts in itself.
const UNSEALED: &str = "00000000";

/// An index's sources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct IndexManifest {
    /// The version of this file.
    pub(super) version: u32,
    /// The version of ScaleDown that wrote it.
    pub(super) scaledown: String,
    /// The retriever's table.
    pub(super) retriever: Component,
    /// The corpus's table at the first build.
    pub(super) corpus: CorpusConfig,
    /// The checksum of all ids and texts, in the order in which they were added.
    pub(super) checksum: u32,
    /// How often documents were added, the first time included.
    pub(super) additions: u32,
    /// The number of the build, which its directory is named by.
    pub(super) build: u32,
    /// The number of chunks.
    pub(super) chunks: u64,
    /// False while the retriever may have documents that the chunks do not have yet.
    pub(super) complete: bool,
    /// While it is false, the checksum that there will be, where that is known.
    pub(super) goal: Option<u32>,
    /// The checksum of the file's own bytes, eight digits. Set when it is written.
    pub(super) file_crc32c: String,
}

/// The version of `index.json`.
const VERSION: u32 = 3;

#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl IndexManifest {
    /// The sources of an index of `build`, before it has chunks.
    pub(super) fn new(retriever: Component, corpus: CorpusConfig, build: u32) -> Self {
        IndexManifest {
            version: VERSION,
            scaledown: env!("CARGO_PKG_VERSION").into(),
            retriever,
            corpus,
            checksum: 0,
            additions: 1,
            build,
            chunks: 0,
            complete: true,
            goal: None,
            file_crc32c: UNSEALED.into(),
        }
    }

    /// The sources of the index in `directory`, if there is one.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(NAME);
        let bytes = match read_bytes(&path, FileKind::Manifest) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(&path, error)),
        };
        let damaged = |message: String| IndexError::Damaged { path: path.clone(), message };
        let unreadable = |error: serde_json::Error| damaged(format!("the file is damaged: {error}"));
        // First, since other versions have other keys.
        let Version { version } = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if version != VERSION {
            let message = format!("index format {version}, expected {VERSION}");
            return Err(damaged(message).into());
        }
        if sealed(bytes.clone()).as_ref() != Some(&bytes) {
            return Err(damaged("the file is damaged: checksum mismatch".into()).into());
        }
        Ok(Some(serde_json::from_slice(&bytes).map_err(unreadable)?))
    }

    /// Where its parts lie.
    pub(super) fn place(&self, directory: &Path) -> IndexPlace {
        IndexPlace { root: directory.to_owned(), build: self.build }
    }

    pub(super) fn write(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(Error::failed)?;
        let text = sealed(text).ok_or_else(|| Error::failed(format!("{NAME} has no place for its checksum")))?;
        Ok(artifact::write_file(&directory.join(NAME), &text)?)
    }

    /// Checks that the index is one that `config` describes, as far as that shows: the retriever
    /// and the way of chunking. Where the corpus lies may have changed.
    pub(super) fn check(&self, config: &IndexConfig<'_>, directory: &Path) -> Result<()> {
        let now = config.retriever;
        let other = |key: &str, was: String, now: String| {
            Err(IndexError::Other { path: directory.to_owned(), key: key.into(), was, now }.into())
        };
        if now.plugin != self.retriever.plugin {
            return other("retriever.plugin", self.retriever.plugin.clone(), now.plugin.clone());
        }
        let digest = |component: &Component| component.options.get(registry::DIGEST).map_or_else(String::new, shown);
        let (was, is) = (digest(&self.retriever), digest(&registry::stamped(Kind::Retriever, now)));
        if was != is {
            return other(&format!("plugins.{}.sha256", now.plugin), was, is);
        }
        match config.corpus {
            Some(corpus) if corpus.chunking != self.corpus.chunking => {
                other("corpus.chunking", shown(&self.corpus.chunking), shown(&corpus.chunking))
            }
            _ => Ok(()),
        }
    }
}

/// The bytes of the file with their checksum, in which it counts as zeros; none if there is no
/// place for it.
fn sealed(mut text: Vec<u8>) -> Option<Vec<u8>> {
    let at = text.windows(SEAL.len()).rposition(|part| part == SEAL)? + SEAL.len();
    let place = at..at + UNSEALED.len();
    text.get_mut(place.clone())?.copy_from_slice(UNSEALED.as_bytes());
    let checksum = format!("{:08x}", crc32c::crc32c(&text));
    text[place].copy_from_slice(checksum.as_bytes());
    Some(text)
}

fn shown(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The contents of an index.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// Where it is.
    pub directory: PathBuf,
    /// The chunks that can be found.
    pub chunks: u64,
    /// The size of the files of the chunks and the retriever.
    pub bytes: u64,
    /// The checksum of all ids and texts, in the order in which they were added: `crc32c:` and
    /// eight digits.
    pub checksum: String,
    /// How often documents were added, the first time included.
    pub additions: u32,
    /// The retriever's name.
    pub retriever: String,
    /// Whether all checksums were just compared and match. `false`: they were not
    /// compared.
    pub verified: bool,
    /// The retriever's statistics.
    pub stats: Vec<(String, String)>,
    /// The corpus's table at the first build.
    pub corpus: CorpusConfig,
}

/// The contents of an index, optionally after verifying all checksums.
///
/// # Errors
/// If it is damaged.
pub fn describe(index: &SearchIndex, verify: bool) -> Result<Description> {
    if verify {
        index.verify()?;
    }
    let directory = index.directory();
    let manifest = IndexManifest::read(directory)?.ok_or_else(|| IndexError::Missing(directory.to_owned()))?;
    Ok(Description {
        directory: directory.to_owned(),
        chunks: index.count()?,
        bytes: size(&manifest.place(directory).directory())?,
        checksum: index.checksum(),
        additions: manifest.additions,
        retriever: manifest.retriever.plugin,
        verified: verify,
        stats: index.stats(),
        corpus: manifest.corpus,
    })
}

/// The size of all files under a directory.
fn size(directory: &Path) -> Result<u64> {
    let length = |entry: walkdir::Result<walkdir::DirEntry>| {
        let found = entry.and_then(|entry| entry.metadata())?;
        Ok(if found.is_dir() { 0 } else { found.len() })
    };
    let lengths = WalkDir::new(directory).into_iter().map(length);
    lengths.sum::<walkdir::Result<u64>>().map_err(|error| {
        let path = error.path().unwrap_or(directory).to_owned();
        Error::io(path, error.into())
    })
}
