//! The index of a model in several safetensors files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::{directory, file};
use scaledown_sdk::nn::WeightSource;
use scaledown_sdk::nn::safetensors::DirectoryWeights;

fuzz_target!(|data: &[u8]| {
    let index = file("model.safetensors.index.json", data);
    if let Ok(weights) = DirectoryWeights::open(directory(&index)) {
        let _ = weights.names();
    }
});
