//! What components return in their roles: lengths, shapes and numbers are checked before they are
//! used.

use scaledown_sdk::component::{Compressor, CompressorContext, Document, PairBatch, Retriever};
use scaledown_sdk::nn::{ForwardMode, ParamOptions, Params, Widths};
use scaledown_sdk::{DType, Result};
use scaledown_tests::component::{from_text, from_text_for};
use scaledown_tests::plugins;
use scaledown_wasm::{WasmCompressor, WasmRetriever};
use serde_json::json;

use super::{device, settings};

/// A retriever whose `index` and `search` run these bodies.
fn retriever(index: &str, search: &str, directory: &std::path::Path) -> WasmRetriever {
    let text = format!(
        r#"(module
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
            (func (export "scaledown:plugin/retrieval@0.2.0#describe") (result i32) i32.const 1024)
            (func (export "scaledown:plugin/retrieval@0.2.0#build") (param i32 i32) (result i32) i32.const 2048)
            (func (export "scaledown:plugin/retrieval@0.2.0#index") (param i32) (result i32) {index})
            (func (export "scaledown:plugin/retrieval@0.2.0#search") (param i32 i32 i32) (result i32) {search})
            (func (export "scaledown:plugin/retrieval@0.2.0#facts") (result i32) i32.const 2048))"#
    );
    let plugin = plugins::compile_with("hostile", &from_text_for("retriever", &text).unwrap(), &settings()).unwrap();
    WasmRetriever::build(&plugin, &json!({}), &device(), directory.to_owned()).unwrap()
}

/// A `search` with `lists` lists, each the same one of `hits` documents called `id` with `score`.
/// An id is four bytes.
fn found(lists: u32, hits: u32, id: u32, score: &str) -> String {
    format!(
        "i32.const 8000 i32.const {id} i32.store
        (loop $more
            i32.const 12 global.get $n i32.mul i32.const 6000 i32.add i32.const 8000 i32.store
            i32.const 12 global.get $n i32.mul i32.const 6004 i32.add i32.const 4 i32.store
            i32.const 12 global.get $n i32.mul i32.const 6008 i32.add f32.const {score} f32.store
            i32.const 8 global.get $n i32.mul i32.const 5000 i32.add i32.const 6000 i32.store
            i32.const 8 global.get $n i32.mul i32.const 5004 i32.add i32.const {hits} i32.store
            global.get $n i32.const 1 i32.add global.set $n global.get $n i32.const 16 i32.lt_u br_if $more)
        i32.const 0 global.set $n
        i32.const 2052 i32.const 5000 i32.store i32.const 2056 i32.const {lists} i32.store i32.const 2048)
        (global $n (mut i32) (i32.const 0)) (func"
    )
}

const ABCD: u32 = 0x6463_6261;

#[test]
fn what_a_retriever_finds_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let search = |body: &str| retriever("unreachable", body, directory.path()).search(&["one", "two"], 3);
    let hits = search(&found(2, 3, ABCD, "1.5")).unwrap();
    assert!(hits.len() == 2 && hits[1].len() == 3 && hits[1][2].id == "abcd" && hits[1][2].score == 1.5, "{hits:?}");
    for (body, expected) in [
        (found(2, 3, ABCD, "nan"), "the score of a document is not a finite number"),
        (found(2, 3, ABCD, "inf"), "the score of a document is not a finite number"),
        (found(1, 3, ABCD, "1"), "returned 1 lists of documents, expected 2"),
        (found(3, 3, ABCD, "1"), "returned 3 lists of documents, expected 2"),
        (found(2, 4, ABCD, "1"), "returned 4 documents for a query, expected at most 3"),
        (found(2, 3, 0xffff_ffff, "1"), "utf-8"),
        (found(0x1000_0000, 3, ABCD, "1"), "hostile"),
        (found(2, 0x1000_0000, ABCD, "1"), "hostile"),
    ] {
        let refusal = search(&body).unwrap_err().to_string();
        assert!(refusal.contains(expected) && refusal.lines().count() == 1, "{refusal} lacks {expected}");
    }
}

/// What was indexed before stays when an `index` breaks off or claims too little.
#[test]
fn an_index_that_breaks_off_does_not_count() {
    let directory = tempfile::tempdir().unwrap();
    let index = |body: &str| {
        let documents = |i: usize| Ok(Document { id: format!("d{i}"), text: "text".into() });
        let mut retriever = retriever(body, "unreachable", directory.path());
        let indexed = retriever.index(&mut (0..200).map(documents));
        (indexed, retriever.verify().is_ok())
    };
    let claims = |count: i64| format!("i32.const 2056 i64.const {count} i64.store i32.const 2048");
    let (refusal, there) = index(&claims(10));
    let refusal = refusal.unwrap_err().to_string();
    assert!(refusal.contains("it says that it read 10 of 200 documents") && !there, "{refusal}, {there}");
    let (refusal, there) = index("unreachable");
    assert!(refusal.unwrap_err().to_string().contains("gave up") && !there);
    let (indexed, there) = index(&claims(200));
    assert!(indexed.unwrap() == 200 && there);
    let (refusal, there) = index("unreachable");
    assert!(refusal.is_err() && there, "the earlier index stays");
}

/// What a compressor of `returned` gives for two pairs: an instruction that makes its vectors.
fn compressed(vectors: &str, relevance: &str) -> Result<()> {
    let text = format!(
        r#"(module
            (import "scaledown:plugin/instructions@0.2.0" "fill" (func $fill (param i32 i32 i32 f64 i32)))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
            (func (export "scaledown:plugin/compression@0.2.0#describe") (result i32) unreachable)
            (func (export "scaledown:plugin/compression@0.2.0#build") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
                i32.const 2048)
            (func $make (param $rank i32) (param $dtype i32) (result i32)
                i32.const 3200 local.get $rank local.get $dtype f64.const 1 i32.const 3000 call $fill
                i32.const 3000 i32.load8_u (if (then unreachable)) i32.const 3004 i32.load)
            (func $extents (param i64 i64 i64)
                i32.const 3200 local.get 0 i64.store i32.const 3208 local.get 1 i64.store i32.const 3216 local.get 2 i64.store)
            (func (export "scaledown:plugin/compression@0.2.0#compress")
                (param i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
                i32.const 2052 {vectors} i32.store
                {relevance} i32.const 2048))"#
    );
    let plugin = plugins::compile_with("hostile", &from_text(&text).unwrap(), &settings()).unwrap();
    let options = ParamOptions { device: device(), dtype: DType::F32, trainable: true, seed: 1, lora: None, quantization: None };
    let context = CompressorContext {
        params: Params::random(options),
        generator: json!({}),
        generator_weights: None,
        generator_params: None,
        hidden_size: 8,
        memory_tokens: 3,
        relevance: true,
    };
    let compressor = WasmCompressor::build(&plugin, &json!({}), context)?;
    let batch = PairBatch { ids: vec![vec![1, 2], vec![3]], memory_tokens: 3, relevance: true, widths: Widths::default() };
    compressor.compress(&batch, &mut ForwardMode::inference()).map(drop)
}

#[test]
fn vectors_and_scores_of_other_shapes_are_refused() {
    let tensor = |extents: [u32; 3], rank: u32, dtype: u32| {
        let [a, b, c] = extents;
        format!("i64.const {a} i64.const {b} i64.const {c} call $extents i32.const {rank} i32.const {dtype} call $make")
    };
    let scores = |pairs: u32, dtype: u32| {
        format!("i32.const 2056 i32.const 1 i32.store8 i32.const 2060 {} i32.store", tensor([pairs, 1, 1], 1, dtype))
    };
    let (f32, i64) = (1, 4);
    compressed(&tensor([2, 3, 8], 3, f32), &scores(2, f32)).unwrap();
    for (vectors, relevance, expected) in [
        (tensor([1, 3, 8], 3, f32), scores(2, f32), "returned vectors"),
        (tensor([2, 4, 8], 3, f32), scores(2, f32), "returned vectors"),
        (tensor([2, 3, 7], 3, f32), scores(2, f32), "returned vectors"),
        (tensor([6, 8, 1], 2, f32), scores(2, f32), "returned vectors"),
        (tensor([2, 3, 8], 3, i64), scores(2, f32), "returned vectors"),
        (tensor([2, 3, 8], 3, f32), scores(3, f32), "returned scores"),
        (tensor([2, 3, 8], 3, f32), scores(2, i64), "returned scores"),
        (tensor([2, 3, 8], 3, f32), String::new(), "returned no scores"),
        // The same tensor twice, and one that there is not.
        (
            tensor([2, 3, 8], 3, f32),
            "i32.const 2056 i32.const 1 i32.store8 i32.const 2060 i32.const 2052 i32.load i32.store".into(),
            "handle",
        ),
        ("i32.const 99".into(), scores(2, f32), "unknown handle index 99"),
    ] {
        let refusal = compressed(&vectors, &relevance).unwrap_err().to_string();
        assert!(refusal.contains(expected) && refusal.lines().count() == 1, "{refusal} lacks {expected}");
    }
}
