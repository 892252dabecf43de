//! The conformance suites over every component that is registered. A plugin is here because it is
//! linked in (`tests/src/examples.rs`) and has a file `conformance.toml`; it adds no test code.

use std::collections::BTreeSet;
use std::path::Path;

use scaledown_conformance::{Example, compressor};
use scaledown_sdk::component::{Compressor, Kind, registrations};
use scaledown_tests::chat_service;
use scaledown_tests::examples::{assert_conform, files, of, of_kind};
use scaledown_wasm::{WasmComponent, WasmCompressor};

/// The examples of a kind that need none of these services.
fn without(kind: Kind, services: &[&str]) -> Vec<Example> {
    let needs = |example: &Example| example.variables().iter().any(|variable| services.contains(&variable.as_str()));
    of_kind(kind).into_iter().filter(|example| !needs(example)).collect()
}

/// The examples that need this service, and its address, which the environment names.
fn conforms_with(variable: &str, from: &str) {
    let address = std::env::var(from).unwrap_or_else(|_| panic!("the environment variable {from} names no server"));
    let mut examples = of_kind(Kind::Retriever);
    examples.retain(|example| example.variables() == [variable]);
    assert_conform(&examples, &[(variable, &address)]);
}

#[test]
fn every_component_has_an_example_and_every_example_a_component() {
    let mut checked = BTreeSet::new();
    for example in files().iter().flat_map(|file| of(file)) {
        let registration = example.registration().unwrap_or_else(|error| panic!("{error}; link it in tests/src/examples.rs"));
        checked.insert((registration.kind(), registration.name));
    }
    let registered: BTreeSet<_> = registrations().map(|entry| (entry.kind(), entry.name)).collect();
    assert_eq!(checked, registered, "each plugin has a conformance.toml beside its Cargo.toml");
}

#[test]
fn compressors_conform() {
    assert_conform(&of_kind(Kind::Compressor), &[]);
}

/// A component is checked as the native build of the same source is.
#[test]
fn a_wasm_compressor_conforms() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/attention-pool.wasm");
    let component = WasmComponent::load(file).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    for example in of_kind(Kind::Compressor).iter().filter(|example| example.plugin == "attention-pool") {
        let keys = example.keys(&|_| None).unwrap();
        let build = |context| Ok(Box::new(WasmCompressor::build(&component, &keys, context)?) as Box<dyn Compressor>);
        let name = format!("{} (wasm)", example.title());
        let device = scaledown_cpu::device().unwrap();
        let report = compressor::check(&compressor::CompressorSubject { name, build: &build, device, scratch: scratch.path() });
        assert!(report.passed(), "{report}");
    }
}

#[test]
fn generators_conform() {
    assert_conform(&of_kind(Kind::Generator), &[]);
}

#[test]
fn retrievers_conform() {
    assert_conform(&without(Kind::Retriever, &["MILVUS_URL", "QDRANT_URL"]), &[]);
}

#[test]
fn rerankers_conform() {
    assert_conform(&of_kind(Kind::Reranker), &[]);
}

#[test]
fn teachers_conform() {
    assert_conform(&of_kind(Kind::Teacher), &[("OPENAI_ENDPOINT", &chat_service::start())]);
}

/// The examples of devices that need a card, or those that do not.
fn devices(need_a_card: bool) -> Vec<Example> {
    let mut devices = of_kind(Kind::Device);
    devices.retain(|device| (device.plugin == scaledown_cuda::NAME) == need_a_card);
    devices
}

#[test]
fn devices_conform() {
    assert_conform(&devices(false), &[]);
}

#[test]
#[ignore = "needs an NVIDIA card; the emulation of one conforms in plugins/cuda/emulator"]
fn a_card_conforms() {
    assert_conform(&devices(true), &[]);
}

#[test]
#[ignore = "needs a Milvus server at SCALEDOWN_TEST_MILVUS_URL; `.ci/services` starts milvus-lite"]
fn milvus_conforms() {
    conforms_with("MILVUS_URL", "SCALEDOWN_TEST_MILVUS_URL");
}

#[test]
#[ignore = "needs a Qdrant server at SCALEDOWN_TEST_QDRANT_URL (gRPC); `.ci/services` starts Qdrant's engine behind its gRPC interface"]
fn qdrant_conforms() {
    conforms_with("QDRANT_URL", "SCALEDOWN_TEST_QDRANT_URL");
}
