//! A damaged, truncated or foreign file is refused, or at least read within its bounds.

use proptest::prelude::*;
use scaledown_sparse_index::{Builder, Error, IndexSettings, SparseIndex, delete};
use std::path::{Path, PathBuf};

fn build(directory: &Path) {
    let settings = IndexSettings { window: 100, ..IndexSettings::default() };
    let mut builder = Builder::create(directory, &settings).unwrap();
    for n in 0..250_u32 {
        let terms: Vec<(u32, f32)> =
            (0..9).filter(|term| n % (term + 1) == 0).map(|term| (term, 0.1 + term as f32 / 3.0)).collect();
        builder.add(&format!("document {n}"), &terms).unwrap();
    }
    builder.finish().unwrap();
    delete(directory, ["document 3"]).unwrap();
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| !path.ends_with("LOCK"));
    files.sort();
    assert_eq!(files.len(), 3);
    files
}

/// Everything that reads, none of which may panic.
fn use_all(directory: &Path) -> Result<(), Error> {
    let index = SparseIndex::open(directory)?;
    let query: Vec<(u32, f32)> = (0..9).map(|term| (term, 1.0)).collect();
    let _ = (index.search(&query, 300), index.search_wide(&query, 5), index.document("document 77"), index.info());
    let _ = (0..251).map(|number| index.id(number).map(|id| id.map(str::len))).collect::<Vec<_>>();
    index.verify()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_changed_byte_is_noticed(file in 0..3_usize, at in any::<proptest::sample::Index>(), change in 1..=255_u8) {
        let directory = tempfile::tempdir().unwrap();
        build(directory.path());
        let path = &files(directory.path())[file];
        let mut bytes = std::fs::read(path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        std::fs::write(path, bytes).unwrap();
        prop_assert!(use_all(directory.path()).is_err());
    }

    #[test]
    fn a_shortened_file_is_noticed(file in 0..3_usize, at in any::<proptest::sample::Index>()) {
        let directory = tempfile::tempdir().unwrap();
        build(directory.path());
        let path = &files(directory.path())[file];
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, &bytes[..at.index(bytes.len())]).unwrap();
        prop_assert!(use_all(directory.path()).is_err());
    }
}

#[test]
fn errors_name_the_file_and_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    build(directory.path());
    let files = files(directory.path());
    let message = |path: &Path, bytes: &[u8]| {
        let before = std::fs::read(path).unwrap();
        std::fs::write(path, bytes).unwrap();
        let error = use_all(directory.path()).unwrap_err().to_string();
        std::fs::write(path, before).unwrap();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        error
    };
    assert!(message(&files[0], b"# notes\n").contains("is not part of a sparse index"));
    assert!(message(&files[1], b"GIF89a").contains("SDDELETE"));
    assert!(message(&files[2], &[7; 5000]).contains("does not begin with the bytes SDSPARSE"));
    assert!(message(&files[2], b"SDSPARSE\x63\0\0\0").contains("has sparse-index format 99"));
    assert!(message(&files[2], b"").contains(files[2].to_str().unwrap()));
    use_all(directory.path()).unwrap();
}
