//! The small configurations of all plugins of this workspace, and the conformance suites over them.

use std::path::{Path, PathBuf};

use scaledown_conformance::{ConformanceReport, Example, Setting, check};
use scaledown_sdk::component::Kind;

// Plugins are found through their registrations; naming the crates links them in.
use {
    scaledown_adapter as _, scaledown_bm25 as _, scaledown_candle as _, scaledown_cpu as _, scaledown_cuda as _,
    scaledown_deberta as _, scaledown_decoder_compressor as _, scaledown_example_wasm_compressor as _, scaledown_milvus as _,
    scaledown_mistral as _, scaledown_modernbert as _, scaledown_n_layers as _, scaledown_openai as _, scaledown_qdrant as _,
    scaledown_splade as _,
};

/// The files `conformance.toml` of the workspace's plugins, in order.
///
/// # Panics
/// If a directory of the repository cannot be read.
#[must_use]
pub fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let listed = |folder: &str| {
        let folder = root.join(folder);
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.flatten().map(|entry| entry.path().join("conformance.toml")).collect::<Vec<_>>()
    };
    let mut files = [listed("plugins"), listed("examples")].concat();
    files.retain(|file| file.is_file());
    files.sort();
    files
}

/// The examples of one file.
///
/// # Panics
/// If the file is not a list of examples.
#[must_use]
pub fn of(file: &Path) -> Vec<Example> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let content: serde_json::Value = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Example::read(file, &content).unwrap_or_else(|error| panic!("{error}"))
}

/// All examples of a kind.
#[must_use]
pub fn of_kind(kind: Kind) -> Vec<Example> {
    let mut all: Vec<Example> = files().iter().flat_map(|file| of(file)).collect();
    all.retain(|example| example.kind == kind);
    all
}

/// Runs the suites over examples, where variables have these values.
///
/// # Panics
/// If a check fails, with a report of all failures; or if there are no examples.
pub fn assert_conform(examples: &[Example], variables: &[(&str, &str)]) {
    assert!(!examples.is_empty(), "there is nothing to check");
    let scratch = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let device = scaledown_cpu::device().unwrap_or_else(|error| panic!("{error}"));
    let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let tokenizer = scaledown_host::text::open_chat_tokenizer;
    let setting = Setting { device, scratch: scratch.path().to_owned(), tokenizer, variable: &variable };
    let reports: Vec<ConformanceReport> =
        examples.iter().map(|example| check(example, &setting).unwrap_or_else(|error| panic!("{error}"))).collect();
    let failed: Vec<String> = reports.iter().filter(|report| !report.passed()).map(ToString::to_string).collect();
    for report in &reports {
        println!("{report}");
    }
    assert!(failed.is_empty(), "{} of {} components fail:\n{}", failed.len(), reports.len(), failed.join("\n"));
}
