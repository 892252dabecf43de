//! The retriever against the real server of `SCALEDOWN_TEST_QDRANT_URL` (its gRPC port); without one, it is passed over with a message.

#[path = "../../remote/tests/support/conformance.rs"]
mod conformance;

use conformance::collection;
use scaledown_qdrant::{Qdrant, QdrantConfig};
use scaledown_sdk::component::{Retriever, RetrieverPlugin, registrations};
use serde_json::json;

fn open(url: &str, collection: &str) -> scaledown_sdk::Result<Qdrant> {
    let keys = conformance::keys(json!({"url": url, "collection": collection, "batch": 7, "retries": 1, "timeout": 30}));
    let config: QdrantConfig = serde_json::from_value(keys).unwrap();
    Qdrant::build(config, conformance::context())
}

#[test]
fn a_real_server_keeps_and_finds_documents() {
    let Ok(url) = std::env::var("SCALEDOWN_TEST_QDRANT_URL") else {
        eprintln!("passed over: SCALEDOWN_TEST_QDRANT_URL names no server");
        return;
    };
    let documents = collection("documents");
    conformance::documents_are_found_and_replaced(|| open(&url, &documents).unwrap());
    let absent = collection("absent");
    let message = open(&url, &absent).unwrap().search(&["the tower"], 1).unwrap_err().to_string();
    assert!(message.contains(&url) && message.contains(&absent) && message.contains("added to it first"), "{message}");
}

#[test]
fn a_dead_server_is_named() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["http", "https"] {
        let message = open(&format!("{scheme}://{address}"), "any").err().expect("nothing is there").to_string();
        assert!(
            message.starts_with(&format!("plugin qdrant: {scheme}://{address}: ")) && message.contains("gRPC port"),
            "{message}"
        );
    }
}

#[test]
fn the_keys_of_the_encoder_stand_beside_its_own() {
    let registration = registrations().find(|registration| registration.name == "qdrant").unwrap();
    let schema = (registration.schema)();
    assert_eq!(schema["properties"]["model"]["format"], "model", "{schema}");
    assert_eq!(schema["properties"]["batch_tokens"]["default"], 4096, "{schema}");
    assert_eq!(schema["additionalProperties"], false, "{schema}");
    let misspelt = conformance::keys(json!({"url": "http://localhost:1", "collection": "any", "model_": "x"}));
    let message = serde_json::from_value::<QdrantConfig>(misspelt).unwrap_err().to_string();
    assert!(message.contains("unknown field `model_`"), "{message}");
}
