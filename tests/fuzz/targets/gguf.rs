//! A GGUF file: metadata, tokenizer and blocks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::file;
use scaledown_host::support::gguf::GgufModel;

fuzz_target!(|data: &[u8]| {
    let Ok(model) = GgufModel::open(&file("model.gguf", data)) else { return };
    let weights = model.weights();
    for name in weights.names() {
        let _ = weights.read(&name);
    }
});
