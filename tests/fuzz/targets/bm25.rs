//! The list of files of an index of words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_bm25::Bm25;
use scaledown_fuzz::{device, directory, file};
use scaledown_sdk::component::{Retriever, RetrieverContext, RetrieverPlugin};

fuzz_target!(|data: &[u8]| {
    let directory = directory(&file("meta.json", data)).to_owned();
    let context = RetrieverContext { device: device(), directory };
    let Ok(retriever) = Bm25::build(serde_json::from_str("{}").expect("a configuration"), context) else { return };
    let _ = (retriever.verify(), retriever.search(&["copper"], 3));
});
