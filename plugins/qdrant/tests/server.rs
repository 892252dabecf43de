//! Tests of Qdrant's own: addresses and keys. The conformance suite checks the rest.

#[path = "../../remote/tests/support/keys.rs"]
mod keys;

use keys::{collection, context, keys};
use scaledown_qdrant::{Qdrant, QdrantConfig};
use scaledown_sdk::component::{Retriever, RetrieverPlugin, registrations};
use serde_json::json;

fn open(url: &str, collection: &str) -> scaledown_sdk::Result<Qdrant> {
    let keys = keys(json!({"url": url, "collection": collection, "batch_size": 7, "retries": 1, "timeout": 30}));
    let config: QdrantConfig = serde_json::from_value(keys).unwrap();
    Qdrant::build(config, context())
}

#[test]
#[ignore = "needs a Qdrant server at SCALEDOWN_TEST_QDRANT_URL (gRPC); `.ci/services` starts Qdrant's engine behind its gRPC interface"]
fn a_collection_that_is_not_there_is_reported() {
    let url = std::env::var("SCALEDOWN_TEST_QDRANT_URL").expect("SCALEDOWN_TEST_QDRANT_URL names the server");
    let absent = collection("absent");
    let message = open(&url, &absent).unwrap().search(&["the tower"], 1).unwrap_err().to_string();
    assert!(message.contains(&url) && message.contains(&absent) && message.contains("add documents first"), "{message}");
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
    let misspelt = keys(json!({"url": "http://localhost:1", "collection": "any", "model_": "x"}));
    let message = serde_json::from_value::<QdrantConfig>(misspelt).unwrap_err().to_string();
    assert!(message.contains("unknown field `model_`"), "{message}");
}
