//! The keys and names that retrievers over a service are tested with. The tests of the plugins
//! include this file.

use std::path::{Path, PathBuf};

use scaledown_sdk::component::RetrieverContext;
use serde_json::{Value, json};

/// The keys of a retriever: `own`, and those of an encoder that is a tiny random BERT.
pub(crate) fn keys(own: Value) -> Value {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/fixtures/bert-mlm");
    let mut keys = json!({"model": model, "max_length": 32});
    keys.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    keys
}

/// A retriever's context.
pub(crate) fn context() -> RetrieverContext {
    RetrieverContext { device: scaledown_cpu::device().unwrap(), directory: PathBuf::new() }
}

/// A collection's name that no other run of the test uses, on a server that is kept.
pub(crate) fn collection(what: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("test_{what}_{}_{}", std::process::id(), now.as_nanos())
}
