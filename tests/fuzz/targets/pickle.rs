//! A file of torch.save: archive, pickle and tensors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::file;
use scaledown_host::model::import::read_pickle;

fuzz_target!(|data: &[u8]| {
    let _ = read_pickle(&file("model.pth", data));
});
