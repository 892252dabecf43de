//! Rankings and judgements.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::file;
use scaledown_host::evaluate::metrics::{read_qrels, read_run};

fuzz_target!(|data: &[u8]| {
    let path = file("run.txt", data);
    let _ = (read_run(&path), read_qrels(&path));
});
