//! Tests: a disk that fills at any moment leaves the index unchanged and no temporary files.

use crate::storage::faults;
use crate::{Builder, Duplicates, Error, IndexSettings, Result, SparseIndex, compact, delete};
use std::path::Path;

fn settings() -> IndexSettings {
    // No memory: postings and ids go through temporary files.
    IndexSettings { window: 64, memory: 0, duplicates: Duplicates::Replace, ..IndexSettings::default() }
}

fn add(builder: Result<Builder>, from: u32, to: u32) -> Result<()> {
    let mut builder = builder?;
    for number in from..to {
        builder.add(&number.to_string(), &[(number % 5, 1.0), (7, 0.5 + number as f32 / 100.0)])?;
    }
    builder.finish().map(|_| ())
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Fails a change after ever more bytes until it succeeds.
fn fail_everywhere(directory: &Path, change: impl Fn() -> Result<()>) {
    let answer = || SparseIndex::open(directory).and_then(|index| index.verify().and(index.search(&[(7, 1.0)], 500))).ok();
    let before = answer();
    let mut failures = 0;
    loop {
        faults::limit(Some(failures * 97));
        let changed = change();
        faults::limit(None);
        match changed {
            Ok(()) => break,
            Err(error) => {
                assert!(matches!(error, Error::Io { action: "write" | "write a temporary file in", .. }), "{error}");
                assert_eq!(answer(), before);
                failures += 1;
            }
        }
    }
    assert!(failures > 2);
    assert_ne!(answer(), before);
    let index = SparseIndex::open(directory).unwrap();
    let sets = index.manifest.segments.iter().filter(|segment| segment.deletions.is_some()).count();
    // The files of the index, its manifest, and the lock.
    assert_eq!(names(directory).len(), index.manifest.segments.len() + sets + 2, "{:?}", names(directory));
}

#[test]
fn a_full_disk_leaves_the_index_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fail_everywhere(path, || add(Builder::create(path, &settings()), 0, 150));
    fail_everywhere(path, || add(Builder::append(path, &settings()), 140, 230));
    fail_everywhere(path, || delete(path, (0..300).step_by(3).map(|number| number.to_string())).map(|_| ()));
}

#[test]
fn a_full_disk_stops_a_compaction_without_harm() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    add(Builder::create(path, &settings()), 0, 150).unwrap();
    add(Builder::append(path, &settings()), 100, 230).unwrap();
    fail_everywhere(path, || compact(path, 0).map(|_| ()));
    assert_eq!(SparseIndex::open(path).unwrap().info().documents, 230);
}

#[test]
fn what_a_killed_writer_left_is_removed_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    add(Builder::create(path, &settings()), 0, 10).unwrap();
    for name in [".unfinished-abc", "segment-00000009.sparse", "deletions-00000009-0000.bits", "notes.txt"] {
        std::fs::write(path.join(name), "left").unwrap();
    }
    delete(path, ["1"]).unwrap();
    let left = names(path);
    assert_eq!(left, ["LOCK", "MANIFEST", "deletions-00000001-0000.bits", "notes.txt", "segment-00000000.sparse"]);
}
