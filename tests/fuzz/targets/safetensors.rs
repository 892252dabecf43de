//! A safetensors file: its header, and the tensors that it places.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::file;
use scaledown_sdk::nn::WeightSource;
use scaledown_sdk::nn::safetensors::SafetensorsFile;

fuzz_target!(|data: &[u8]| {
    let Ok(file) = SafetensorsFile::open(file("model.safetensors", data)) else { return };
    for name in file.names() {
        let _ = file.read(&name);
    }
});
