//! A corpus; the first byte says in which format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaledown_fuzz::file;
use scaledown_host::data::corpus::Chunks;
use scaledown_host::data::corpus::config::{CorpusConfig, CorpusFormat::*};

fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else { return };
    let (format, name) = match first % 5 {
        0 => (Jsonl, "corpus.jsonl"),
        1 => (Beir, "corpus.jsonl"),
        2 => (Kilt, "corpus.json"),
        3 => (Msmarco, "corpus.tsv"),
        _ => (Parquet, "corpus.parquet"),
    };
    if let Ok(chunks) = Chunks::open(&CorpusConfig::of(format, file(name, data))) {
        chunks.take_while(Result::is_ok).for_each(drop);
    }
});
