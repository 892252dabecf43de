//! The manifest of a model or a checkpoint.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::{directory, file};
use scaledown_host::support::artifact;

fuzz_target!(|data: &[u8]| {
    if let Ok(reader) = artifact::open(directory(&file("manifest.json", data))) {
        let _ = reader.verified("trainer.json");
    }
});
