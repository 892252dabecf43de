//! Merging of a run's shards into one file, in the order of the questions.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::block::Shard;
use super::error::PreparationError;
use super::records::{NAME, Sidecar};
use crate::support::artifact;
use crate::{Error, Result};

/// The summary of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Merged {
    /// The number of shards.
    pub shards: usize,
    /// The number of records.
    pub records: u64,
}

/// A shard's records, read in order.
struct ShardRecords {
    path: PathBuf,
    lines: BufReader<std::fs::File>,
    sidecar: Sidecar,
    checksum: u32,
}

/// The field of a record that a merge reads.
#[derive(Deserialize)]
struct Named {
    id: String,
}

/// Merges the records of a run's shards into one file, equal to the byte to that of a single
/// machine, and writes their description next to it: `train.json` next to `train.jsonl`.
///
/// # Errors
/// If a directory has no records; if shards belong to different runs, or one is missing or
/// duplicate; if `out` is one of their files, or the description would overwrite another file; if
/// two records have the same id; if a file changed after it was written; if the disk is full.
pub fn merge(directories: &[PathBuf], out: &Path) -> Result<Merged> {
    let mut sources = directories.iter().map(|directory| ShardRecords::open(directory)).collect::<Result<Vec<_>>>()?;
    sources.sort_by_key(|source| source.sidecar.shard().index);
    check(&sources)?;
    let described = beside(out);
    sources.iter().try_for_each(|source| source.keep(&[out, &described]))?;
    if described.exists() && Sidecar::read_file(&described).is_err() {
        let message = "not a description of records, and the merge would overwrite it; choose another --out".to_owned();
        return Err(PreparationError::Merge { path: described, message }.into());
    }
    let mut ids = HashSet::new();
    let (mut records, mut checksum, mut records_per_block) = (0, 0, Vec::new());
    artifact::write_file_with(out, |file| {
        let blocks = sources.iter().map(|source| source.sidecar.records_per_block.len()).max().unwrap_or(0);
        for place in 0..blocks {
            for source in &mut sources {
                let Some(&count) = source.sidecar.records_per_block.get(place) else { continue };
                records_per_block.push(count);
                for _ in 0..count {
                    let line = source.line()?;
                    let Named { id } =
                        serde_json::from_slice(&line).map_err(|error| source.fault(format!("a record is damaged: {error}")))?;
                    if !ids.insert(id.clone()) {
                        return Err(source.fault(format!("duplicate record `{id}`")).into());
                    }
                    checksum = crc32c::crc32c_append(checksum, &line);
                    file.write_all(&line).map_err(|error| Error::io(out, error))?;
                    records += 1;
                }
            }
        }
        sources.iter_mut().try_for_each(ShardRecords::end)
    })?;
    if let Some(whole) = whole(&sources, records_per_block, checksum) {
        whole.write(&described)?;
    }
    Ok(Merged { shards: directories.len(), records })
}

/// The merged records' description: that of a single machine, with the first shard's configuration.
fn whole(sources: &[ShardRecords], records_per_block: Vec<usize>, checksum: u32) -> Option<Sidecar> {
    let first = &sources.first()?.sidecar;
    let mut whole = Sidecar { records_per_block, checksum, ..first.clone() };
    whole.fingerprint.shard = Shard::default();
    for ShardRecords { sidecar, .. } in &sources[1..] {
        whole.counts.records += sidecar.counts.records;
        for (reason, count) in &sidecar.counts.skipped {
            *whole.counts.skipped.entry(reason.clone()).or_default() += count;
        }
    }
    Some(whole)
}

/// The description beside a file of records: `train.json` beside `train.jsonl`.
fn beside(records: &Path) -> PathBuf {
    match records.extension() {
        Some(extension) if extension == "json" => records.with_added_extension("json"),
        _ => records.with_extension("json"),
    }
}

/// Checks that the shards belong to one run, each exactly once.
fn check(sources: &[ShardRecords]) -> Result<()> {
    let Some(first) = sources.first() else { return Ok(()) };
    let of = first.sidecar.shard().of;
    for source in sources {
        if !first.sidecar.fingerprint.fits(&source.sidecar.fingerprint) {
            let message = format!("its records belong to another run than those of {}", first.path.display());
            return Err(source.fault(message).into());
        }
    }
    if let Some([a, b]) = sources.array_windows().find(|[a, b]| a.sidecar.shard() == b.sidecar.shard()) {
        return Err(b.fault(format!("duplicate shard {}: the same as {}", b.sidecar.shard(), a.path.display())).into());
    }
    let there: HashSet<u64> = sources.iter().map(|source| source.sidecar.shard().index).collect();
    let missing: Vec<String> =
        (0..of).filter(|index| !there.contains(index)).take(10).map(|index| format!("{index}/{of}")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(first.fault(format!("missing shards (of {of}): {}", missing.join(", "))).into())
}

impl ShardRecords {
    fn open(directory: &Path) -> Result<Self> {
        let sidecar = Sidecar::read(directory)?;
        let path = directory.join(NAME);
        let file = std::fs::File::open(&path).map_err(PreparationError::io(&path))?;
        Ok(ShardRecords { path, lines: BufReader::new(file), sidecar, checksum: 0 })
    }

    /// Refuses to overwrite a shard's files.
    fn keep(&self, out: &[&Path]) -> Result<()> {
        let own = [self.path.clone(), self.path.with_file_name(Sidecar::NAME)].map(|path| path.canonicalize().ok());
        match out.iter().find(|path| path.canonicalize().is_ok_and(|path| own.contains(&Some(path)))) {
            Some(path) => Err(self.fault(format!("{} is a file of this shard; choose another --out", path.display())).into()),
            None => Ok(()),
        }
    }

    fn line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).map_err(PreparationError::io(&self.path))?;
        if !line.ends_with(b"\n") {
            return Err(self.changed().into());
        }
        self.checksum = crc32c::crc32c_append(self.checksum, &line);
        Ok(line)
    }

    /// Checks that all records were read and are those that were written.
    fn end(&mut self) -> Result<()> {
        let rest = self.lines.fill_buf().map_err(PreparationError::io(&self.path))?;
        if rest.is_empty() && self.checksum == self.sidecar.checksum { Ok(()) } else { Err(self.changed().into()) }
    }

    fn changed(&self) -> PreparationError {
        self.fault(format!("changed after it was written (see {}); prepare this shard again", Sidecar::NAME))
    }

    fn fault(&self, message: String) -> PreparationError {
        PreparationError::Merge { path: self.path.clone(), message }
    }
}
