//! Places for what is fuzzed, for the targets in `targets/`.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use scaledown_sdk::Device;
use scaledown_sparse_index::{Builder, IndexSettings};

/// The directory of this process, which its end leaves to the system.
static PLACE: LazyLock<PathBuf> = LazyLock::new(|| tempfile::tempdir().expect("a directory").keep());

static DEVICE: LazyLock<Device> = LazyLock::new(|| scaledown_cpu::device().expect("a processor"));

/// The files of a small sparse index, whole.
static SPARSE: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
    let directory = PLACE.join("sparse");
    let mut builder = Builder::create(&directory, &IndexSettings::default()).expect("an index");
    for number in 0..40_u32 {
        builder.add(&format!("document {number}"), &[(1, 0.5), (2 + number % 5, 1.5)]).expect("a document");
    }
    builder.finish().expect("an index");
    let entries = std::fs::read_dir(&directory).expect("a directory").flatten();
    let mut files: Vec<(PathBuf, Vec<u8>)> =
        entries.map(|entry| (entry.path(), std::fs::read(entry.path()).expect("a file"))).collect();
    files.retain(|(path, _)| !path.ends_with("LOCK"));
    files.sort();
    files
});

/// A file of this content, in a directory of its own.
pub fn file(name: &str, data: &[u8]) -> PathBuf {
    let path = PLACE.join("file").join(name);
    std::fs::create_dir_all(directory(&path)).expect("a directory");
    std::fs::write(&path, data).expect("a file");
    path
}

/// The directory of a file.
pub fn directory(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}

/// The device of the processor.
pub fn device() -> Device {
    DEVICE.clone()
}

/// The directory of an index in which `data` takes the place of a file: its first byte says which.
pub fn sparse_index(data: &[u8]) -> &'static Path {
    let (first, content) = data.split_first().unwrap_or((&0, data));
    for (number, (path, whole)) in SPARSE.iter().enumerate() {
        let content = if usize::from(*first) % SPARSE.len() == number { content } else { whole };
        std::fs::write(path, content).expect("a file");
    }
    directory(&SPARSE[0].0)
}
