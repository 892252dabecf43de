//! Training records in JSON Lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::file;
use scaledown_host::data::records;

fuzz_target!(|data: &[u8]| {
    let path = file("records.jsonl", data);
    let _ = (records::read(&path, None), records::check(&path), records::read_documents(&path));
});
