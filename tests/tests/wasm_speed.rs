//! What a component costs beside native code. These measure, and say what they found; nothing else
//! should run beside them:
//!
//! ```text
//! cargo test --release --workspace --test wasm_speed -- --ignored --nocapture --test-threads 1
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use scaledown_sdk::component::{Compressor, CompressorContext, Factory, Kind, PairBatch, Registration, Retriever, registrations};
use scaledown_sdk::nn::{ForwardMode, ParamOptions, Params, Widths};
use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{DType, Device};
use scaledown_tests::component::from_text_for;
use scaledown_tests::plugins;
use scaledown_wasm::{Plugin, Settings, WasmRetriever};
use serde_json::json;

// Linked for its registration.
use scaledown_n_layers as _;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn device() -> Device {
    scaledown_cpu::device().unwrap()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

/// A compressor over a small generator of the shape that `bench` has, made smaller so that what a
/// call costs shows.
fn compressor(entry: &Registration, hidden: usize) -> (Box<dyn Compressor>, Params) {
    let Factory::Compressor(make) = entry.factory else { panic!("n-layers is a compressor") };
    let options = ParamOptions { device: device(), dtype: DType::F32, trainable: true, seed: 3, lora: None, quantization: None };
    let params = Params::random(options);
    let generator = json!({
        "model_type": "mistral", "vocab_size": 2000, "hidden_size": hidden, "intermediate_size": hidden * 3, "num_hidden_layers": 4,
        "num_attention_heads": 8, "num_key_value_heads": 4, "hidden_act": "silu", "max_position_embeddings": 1024,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true
    });
    let context = CompressorContext {
        params: params.clone(),
        generator,
        generator_weights: None,
        generator_params: None,
        hidden_size: hidden,
        memory_tokens: 8,
        relevance: false,
    };
    (make(json!({"layers": 4}), context).unwrap(), params)
}

fn step(subject: &(Box<dyn Compressor>, Params), batch: &PairBatch) -> Duration {
    let began = Instant::now();
    let vectors = subject.0.compress(batch, &mut ForwardMode::training(1, false)).unwrap().vectors;
    let gradients = vectors.square().unwrap().mean_all().unwrap().backward().unwrap();
    gradients.get(&subject.1.trainable()[0].tensor()).unwrap().to_data().unwrap();
    began.elapsed()
}

fn inference(subject: &(Box<dyn Compressor>, Params), batch: &PairBatch) -> Duration {
    let began = Instant::now();
    no_grad(|| subject.0.compress(batch, &mut ForwardMode::inference())).unwrap().vectors.to_data().unwrap();
    began.elapsed()
}

#[test]
#[ignore = "measures; see the head of the file"]
fn n_layers_in_a_component_against_native() {
    let component = plugins::load("n-layers", &fixture("n-layers.wasm")).unwrap().registrations().unwrap();
    let native = registrations().find(|entry| entry.kind() == Kind::Compressor && entry.name == "n-layers").unwrap();
    for (hidden, pairs, tokens, rounds) in [(512, 8, 128, 15), (128, 4, 64, 60)] {
        let subjects = [compressor(native, hidden), compressor(&component[0], hidden)];
        let row = |row: usize| (0..tokens).map(|place| u32::try_from((row * 31 + place * 7) % 1900 + 3).unwrap()).collect();
        let batch = PairBatch { ids: (0..pairs).map(row).collect(), memory_tokens: 8, relevance: false, widths: Widths::Exact };
        let mut times = [const { (Vec::new(), Vec::new()) }; 2];
        for round in 0..=rounds {
            for (subject, times) in subjects.iter().zip(&mut times) {
                let found = (step(subject, &batch), inference(subject, &batch));
                if round > 0 {
                    times.0.push(found.0);
                    times.1.push(found.1);
                }
            }
        }
        let [native, guest] = times.map(|(steps, inferences)| (median(steps), median(inferences)));
        println!(
            "n-layers, hidden {hidden}, {pairs} pairs of {tokens} tokens: step {:.2} ms native, {:.2} ms wasm, {:.3} x; inference {:.2} ms, {:.2} ms, {:.3} x",
            native.0 * 1e3,
            guest.0 * 1e3,
            guest.0 / native.0,
            native.1 * 1e3,
            guest.1 * 1e3,
            guest.1 / native.1
        );
    }
}

/// A reranker whose `score` asks for the type of a tensor, or makes one element, a million times.
fn calls(body: &str) -> f64 {
    let text = format!(
        r#"(module
            (import "scaledown:plugin/instructions@0.2.0" "fill" (func $fill (param i32 i32 i32 f64 i32)))
            (import "scaledown:plugin/instructions@0.2.0" "neg" (func $neg (param i32 i32)))
            (import "scaledown:plugin/tensor@0.2.0" "[resource-drop]tensor" (func $drop (param i32)))
            (import "scaledown:plugin/tensor@0.2.0" "[method]tensor.dtype" (func $dtype (param i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
            (func (export "scaledown:plugin/reranking@0.2.0#describe") (result i32) i32.const 1024)
            (func (export "scaledown:plugin/reranking@0.2.0#build") (param i32 i32) (result i32) i32.const 2048)
            (func (export "scaledown:plugin/reranking@0.2.0#score") (param i32 i32 i32 i32) (result i32) (local i32 i32)
                i32.const 3200 i64.const 4 i64.store
                i32.const 3200 i32.const 1 i32.const 1 f64.const 1 i32.const 3000 call $fill
                i32.const 3004 i32.load local.set 4
                (loop {body} local.get 5 i32.const 1 i32.add local.tee 5 i32.const 200000 i32.lt_u br_if 0)
                i32.const 2048))"#
    );
    let plugin = plugins::compile_with("calls", &from_text_for("reranker", &text).unwrap(), &Settings::default()).unwrap();
    let reranker = scaledown_wasm::WasmReranker::build(&plugin, &json!({}), &device()).unwrap();
    let times = (0..7).map(|_| {
        let began = Instant::now();
        scaledown_sdk::component::Reranker::score(&reranker, "", &[]).unwrap();
        began.elapsed()
    });
    median(times.collect()) / 200_000.0 * 1e9
}

#[test]
#[ignore = "measures; see the head of the file"]
fn a_call_of_the_host_against_the_instruction() {
    let empty = calls("");
    let dtype = calls("local.get 4 call $dtype drop") - empty;
    let neg = calls("local.get 4 i32.const 3016 call $neg i32.const 3020 i32.load call $drop") - empty;
    let device = device();
    let x = device.from_slice(&[1.0f32; 4], [4]).unwrap();
    let native = (0..7).map(|_| {
        let began = Instant::now();
        no_grad(|| (0..200_000).for_each(|_| drop(x.neg().unwrap())));
        began.elapsed()
    });
    let native = median(native.collect()) / 200_000.0 * 1e9;
    println!(
        "a call that asks for a type: {dtype:.0} ns; neg of 4 numbers: {neg:.0} ns in a component, {native:.0} ns native, {:.0} ns more",
        neg - native
    );
}

#[test]
#[ignore = "measures; see the head of the file"]
fn a_cached_plugin_is_ready_at_once() {
    let cache = tempfile::tempdir().unwrap();
    for name in ["n-layers", "letters", "attention-pool"] {
        let load = || {
            let began = Instant::now();
            let settings = Settings::default();
            let plugin = Plugin::load(
                name,
                &fixture(&format!("{name}.wasm")),
                None,
                &settings,
                Arc::new(plugins::Alone),
                Some(cache.path().to_owned()),
            );
            plugin.unwrap().offers().unwrap();
            began.elapsed()
        };
        let first = load();
        let times: Vec<Duration> = (0..11).map(|_| load()).collect();
        println!("{name}: {:.1} ms compiled, {:.2} ms from the cache", first.as_secs_f64() * 1e3, median(times) * 1e3);
    }
}

/// A retriever that returns the same 100 documents for each query, so that all of its time is the
/// boundary's.
const ECHO: &str = r#"(module
    (memory (export "memory") 400)
    (global $heap (mut i32) (i32.const 4000000))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        global.get $heap i32.const 8 i32.add i32.const -8 i32.and global.set $heap
        global.get $heap global.get $heap local.get 3 i32.add global.set $heap)
    (func (export "scaledown:plugin/retrieval@0.2.0#describe") (result i32) i32.const 1024)
    (func (export "scaledown:plugin/retrieval@0.2.0#build") (param i32 i32) (result i32) i32.const 2048)
    (func (export "scaledown:plugin/retrieval@0.2.0#index") (param i32) (result i32) unreachable)
    (func (export "scaledown:plugin/retrieval@0.2.0#facts") (result i32) i32.const 2048)
    (data (i32.const 3000) "document-000017")
    (func (export "scaledown:plugin/retrieval@0.2.0#search") (param i32 i32 i32) (result i32) (local i32)
        (loop
            (i32.store (i32.add (i32.const 8192) (i32.mul (local.get 3) (i32.const 12))) (i32.const 3000))
            (i32.store (i32.add (i32.const 8196) (i32.mul (local.get 3) (i32.const 12))) (i32.const 15))
            (f32.store (i32.add (i32.const 8200) (i32.mul (local.get 3) (i32.const 12))) (f32.const 1))
            (local.tee 3 (i32.add (local.get 3) (i32.const 1))) (i32.const 100) i32.lt_u br_if 0)
        (local.set 3 (i32.const 0))
        (loop
            (i32.store (i32.add (i32.const 16384) (i32.mul (local.get 3) (i32.const 8))) (i32.const 8192))
            (i32.store (i32.add (i32.const 16388) (i32.mul (local.get 3) (i32.const 8))) (i32.const 100))
            (local.tee 3 (i32.add (local.get 3) (i32.const 1))) (local.get 1) i32.lt_u br_if 0)
        (i32.store (i32.const 2052) (i32.const 16384)) (i32.store (i32.const 2056) (local.get 1))
        (global.set $heap (i32.const 4000000))
        i32.const 2048))"#;

#[test]
#[ignore = "measures; see the head of the file"]
fn a_retriever_spends_its_time_searching() {
    let echo = plugins::compile_with("echo", &from_text_for("retriever", ECHO).unwrap(), &Settings::default()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let echo = WasmRetriever::build(&echo, &json!({}), &device(), directory.path().join("echo")).unwrap();
    let queries: Vec<String> = (0..1000).map(|i| format!("What is the home of person number {i}?")).collect();
    let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
    let time = |retriever: &dyn Retriever, queries: &[&str]| {
        let times = (0..5).map(|_| {
            let began = Instant::now();
            assert_eq!(retriever.search(queries, 100).unwrap()[0].len(), 100);
            began.elapsed()
        });
        median(times.collect())
    };
    let boundary = time(&echo, &queries);
    let letters = plugins::load("letters", &fixture("letters.wasm")).unwrap();
    let mut letters = WasmRetriever::build(&letters, &json!({}), &device(), directory.path().join("letters")).unwrap();
    let text = |i: usize| format!("The home of person number {i} is place {}, where it rains.", i * 7);
    let mut documents = (0..500).map(|i| Ok(scaledown_sdk::component::Document { id: format!("d{i:06}"), text: text(i) }));
    letters.index(&mut documents).unwrap();
    let whole = time(&letters, &queries[..20]) * 50.0;
    println!(
        "1,000 queries, 100 documents each: {:.2} ms in the boundary; a search of 500 documents by letters takes {:.0} ms, of which that is {:.2} %",
        boundary * 1e3,
        whole * 1e3,
        100.0 * boundary / whole
    );
}
