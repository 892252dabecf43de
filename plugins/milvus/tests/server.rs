//! Tests of Milvus's own: foreign collections, addresses and keys. The conformance suite checks the
//! rest.

#[path = "../../remote/tests/support/keys.rs"]
mod keys;

use keys::{collection, context, keys};
use milvus::v2::prelude::*;
use scaledown_milvus::{Milvus, MilvusConfig};
use scaledown_sdk::component::{Retriever, RetrieverPlugin, registrations};
use serde_json::json;

fn open(url: &str, collection: &str) -> scaledown_sdk::Result<Milvus> {
    let keys = keys(json!({"url": url, "collection": collection, "batch_size": 7, "retries": 1, "timeout": 30}));
    let config: MilvusConfig = serde_json::from_value(keys).unwrap();
    Milvus::build(config, context())
}

#[test]
#[ignore = "needs a Milvus server at SCALEDOWN_TEST_MILVUS_URL; `.ci/services` starts milvus-lite"]
fn a_real_server_tells_what_is_not_ours_and_what_is_not_there() {
    let url = std::env::var("SCALEDOWN_TEST_MILVUS_URL").expect("SCALEDOWN_TEST_MILVUS_URL names the server");
    foreign_collections_are_refused(&url);
    what_is_not_there_is_reported(&url);
}

fn foreign_collections_are_refused(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(ClientV2::new(&ConnectConfig::new().uri(url))).unwrap();
    let id = |name: &str| FieldSchema::new().name(name).data_type(DataType::VarChar).max_length(64).primary_key(true);
    let terms = || FieldSchema::new().name("terms").data_type(DataType::SparseFloatVector);
    let other_encoder = "sparse vectors, format 1, 30522 terms";
    for (key, origin, expected) in [("key", "", "not created by ScaleDown"), ("id", other_encoder, "another encoder")] {
        let collection = collection("foreign");
        let schema = CollectionSchema::new().add_field(id(key)).add_field(terms());
        let asked = CreateCollectionRequest::builder()
            .collection_name(&collection)
            .properties([("scaledown".to_owned(), origin.to_owned())].into())
            .schema(schema);
        runtime.block_on(client.create_collection(asked.build().unwrap())).unwrap();
        let mut retriever = open(url, &collection).unwrap();
        let message = retriever.index(&mut std::iter::empty()).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(&collection), "{message}");
    }
}

fn what_is_not_there_is_reported(url: &str) {
    let collection = collection("absent");
    let message = open(url, &collection).unwrap().search(&["the tower"], 1).unwrap_err().to_string();
    assert!(message.contains(url) && message.contains(&collection) && message.contains("add documents first"), "{message}");
}

#[test]
fn a_dead_server_is_named() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{address}");
        let keys = keys(json!({"url": url, "collection": "any", "timeout": 0.3}));
        let built = Milvus::build(serde_json::from_value(keys).unwrap(), context());
        let message = built.err().expect("nothing is there").to_string();
        assert!(
            message.starts_with(&format!("plugin milvus: {url}: ")) && message.contains("check that Milvus is running there"),
            "{message}"
        );
    }
}

#[test]
fn a_configuration_with_a_secret_is_refused_without_showing_it() {
    let reported = |more: serde_json::Value| {
        let mut keys = keys(json!({"url": "http://localhost:1", "collection": "any"}));
        keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let config = serde_json::from_value::<MilvusConfig>(keys).map_err(|error| error.to_string());
        config.and_then(|config| Milvus::build(config, context()).map_err(|error| error.to_string())).err().unwrap()
    };
    let secrets =
        [json!({"token": "hidden"}), json!({"token_env": "user:hidden"}), json!({"url": "http://user:hidden@localhost:1"})];
    for (more, expected) in secrets.into_iter().zip(["`token`", "retriever.token_env", "retriever.url"]) {
        let message = reported(more);
        assert!(message.contains(expected) && !message.contains("hidden"), "{message}");
    }
}

#[test]
fn the_keys_of_the_encoder_stand_beside_its_own() {
    let registration = registrations().find(|registration| registration.name == "milvus").unwrap();
    let schema = (registration.schema)();
    assert_eq!(schema["properties"]["model"]["format"], "model", "{schema}");
    assert_eq!(schema["properties"]["batch_tokens"]["default"], 4096, "{schema}");
    assert_eq!(schema["additionalProperties"], false, "{schema}");
    let misspelt = keys(json!({"url": "http://localhost:1", "collection": "any", "model_": "x"}));
    let message = serde_json::from_value::<MilvusConfig>(misspelt).unwrap_err().to_string();
    assert!(message.contains("unknown field `model_`"), "{message}");
}
