//! The description of an adapter in PEFT's layout.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::{directory, file};
use scaledown_sdk::nn::peft::SavedAdapter;

fuzz_target!(|data: &[u8]| {
    let _ = SavedAdapter::open(directory(&file("adapter_config.json", data)));
});
