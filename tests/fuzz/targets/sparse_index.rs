//! A file of a sparse index; the first byte says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::sparse_index;
use scaledown_sparse_index::SparseIndex;

fuzz_target!(|data: &[u8]| {
    let path = sparse_index(data);
    let Ok(index) = SparseIndex::open(path) else { return };
    let _ = (index.search(&[(1, 1.0), (4, 0.5)], 10), index.id(3), index.document("document 5"), index.verify());
});
