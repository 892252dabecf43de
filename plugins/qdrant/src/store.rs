//! A collection of sparse vectors in Qdrant.

use std::time::Duration;

use qdrant_client::qdrant::{
    CreateCollectionBuilder, DeletePointsBuilder, NamedVectors, PointId, PointStruct, PointsIdsList, QueryBatchPointsBuilder,
    QueryPointsBuilder, ScoredPoint, SparseVectorParamsBuilder, SparseVectorsConfigBuilder, UpsertPointsBuilder, Value, Vector,
    VectorInput, value::Kind,
};
use qdrant_client::{Payload, QdrantError};
use scaledown_remote::{Secret, Store, StoreFailure, check_url, seconds};
use scaledown_sdk::Error;
use scaledown_sdk::component::{Hit, SparseVector};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::QdrantConfig;

/// The vector.
const TERMS: &str = "terms";
/// The payload's key of the document's id.
const ID: &str = "id";
/// The key of the collection's metadata that says what made it.
const FINGERPRINT: &str = "scaledown";
/// The longest until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// The maximum bytes of an id.
const LONGEST_ID: usize = 65_535;
/// The maximum hits of a query. Qdrant has no limit of its own.
const MOST_HITS: usize = 100_000;
/// The longest that the service is believed about how long to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// gRPC's codes of failures that pass: cancelled, unknown (a broken connection), out of time,
/// exhausted, aborted, internal, unavailable.
const TRANSIENT: [i32; 7] = [1, 2, 4, 8, 10, 13, 14];
/// gRPC's code of a collection that is not there.
const NOT_FOUND: i32 = 5;
/// The namespace of the points' ids, which never changes.
const NAMESPACE: Uuid = Uuid::from_u128(0x5f0d_8a53_1c3e_4b0e_9d52_6f8f_0f37_c2b4);

/// A connection to one collection.
pub(crate) struct QdrantStore {
    /// Drives the client while a call waits for it.
    runtime: Runtime,
    client: qdrant_client::Qdrant,
    url: String,
    collection: String,
    key: Option<Secret>,
}

impl QdrantStore {
    /// Connects to the service.
    ///
    /// # Errors
    /// [`Error::Config`] for an address that cannot be used; [`Error::Plugin`] if nothing answers
    /// there, or it refuses the key.
    pub(crate) fn connect(config: &QdrantConfig, key: Option<Secret>) -> Result<Self, Error> {
        check_url("retriever.url", &config.url, "http://localhost:6334", "retriever.api_key_env")?;
        let timeout = seconds("retriever.timeout", config.timeout)?;
        let mut connection = qdrant_client::Qdrant::from_url(&config.url).timeout(timeout).connect_timeout(timeout.min(CONNECT));
        if let Some(key) = &key {
            connection = connection.api_key(key.expose());
        }
        let failed = |message: String| Error::Plugin { plugin: "qdrant".into(), message: format!("{}: {message}", config.url) };
        // The check of versions would print.
        let client = connection.skip_compatibility_check().build().map_err(|error| failed(describe(&error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let store = QdrantStore { runtime, client, url: config.url.clone(), collection: config.collection.clone(), key };
        let answered = store.runtime.block_on(store.client.health_check());
        answered.map_err(|error| {
            let shown = store.without_key(&describe(&error));
            failed(format!("{shown}; check Qdrant's gRPC port (usually 6334) and the key"))
        })?;
        Ok(store)
    }

    /// Runs a call of the client to its end.
    fn run<T>(&self, call: impl Future<Output = Result<T, QdrantError>>) -> Result<T, StoreFailure> {
        self.runtime.block_on(call).map_err(|error| {
            let message = self.without_key(&describe(&error));
            match transient(&error) {
                Some(wait) => StoreFailure::Transient { message, wait },
                None => StoreFailure::Permanent(self.permanent(&message)),
            }
        })
    }

    fn permanent(&self, message: &str) -> Error {
        Error::Plugin { plugin: "qdrant".into(), message: format!("{}: {message}", self.name()) }
    }

    fn without_key(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact(text))
    }

    async fn create(&self, vocabulary: usize) -> Result<(), QdrantError> {
        let mut vectors = SparseVectorsConfigBuilder::default();
        vectors.add_named_vector_params(TERMS, SparseVectorParamsBuilder::default());
        let mut asked = CreateCollectionBuilder::new(&self.collection).sparse_vectors_config(vectors).build();
        asked.metadata.insert(FINGERPRINT.to_owned(), fingerprint(vocabulary).into());
        self.client.create_collection(asked).await.map(drop)
    }

    /// The mismatch of the existing collection with vectors of `vocabulary` terms.
    async fn schema_mismatch(&self, vocabulary: usize) -> Result<Option<String>, QdrantError> {
        let found = self.client.collection_info(&self.collection).await?;
        let config = found.result.and_then(|info| info.config);
        let vectors = config.as_ref().and_then(|config| config.params.as_ref()?.sparse_vectors_config.as_ref());
        if !vectors.is_some_and(|vectors| vectors.map.contains_key(TERMS)) {
            return Ok(Some(format!(
                "not created by ScaleDown: expected the sparse vectors `{TERMS}`; choose another retriever.collection"
            )));
        }
        let made = config.as_ref().and_then(|config| text(config.metadata.get(FINGERPRINT)?));
        let expected = fingerprint(vocabulary);
        Ok(made.filter(|made| *made != expected).map(|made| {
            format!(
                "created with another encoder ({made:?}, expected {expected:?}); use the same retriever.encoder, or another retriever.collection"
            )
        }))
    }

    fn hit(&self, point: ScoredPoint) -> Result<Hit, StoreFailure> {
        let id = point.payload.get(ID).and_then(text).map(str::to_owned);
        let id =
            id.ok_or_else(|| {
                StoreFailure::Permanent(self.permanent(&format!(
                    "a point has no string `{ID}` in its payload; expected a collection created by ScaleDown"
                )))
            })?;
        Ok(Hit { id, score: point.score })
    }
}

/// The fingerprint metadata of a collection for vectors of `vocabulary` terms.
fn fingerprint(vocabulary: usize) -> String {
    format!("sparse vectors, format 1, {vocabulary} terms")
}

fn text(value: &Value) -> Option<&str> {
    match &value.kind {
        Some(Kind::StringValue(text)) => Some(text),
        _ => None,
    }
}

/// The id of a document's point.
fn point_id(id: &str) -> PointId {
    Uuid::new_v5(&NAMESPACE, id.as_bytes()).to_string().into()
}

fn point(id: &str, vector: &SparseVector) -> PointStruct {
    let (terms, weights) = unzipped(vector);
    let vectors = NamedVectors::default().add_vector(TERMS, Vector::new_sparse(terms, weights));
    let mut payload = Payload::new();
    payload.insert(ID, id);
    PointStruct::new(point_id(id), vectors, payload)
}

fn unzipped(vector: &SparseVector) -> (Vec<u32>, Vec<f32>) {
    vector.0.iter().copied().unzip()
}

impl Store for QdrantStore {
    fn name(&self) -> String {
        format!("{}, collection {}", self.url, self.collection)
    }

    fn most_hits(&self) -> usize {
        MOST_HITS
    }

    fn longest_id(&self) -> usize {
        LONGEST_ID
    }

    fn prepare(&self, vocabulary: usize) -> Result<(), StoreFailure> {
        if !self.run(self.client.collection_exists(&self.collection))? {
            return self.run(self.create(vocabulary));
        }
        match self.run(self.schema_mismatch(vocabulary))? {
            None => Ok(()),
            Some(schema_mismatch) => Err(StoreFailure::Permanent(Error::Config(format!("{}: {schema_mismatch}", self.name())))),
        }
    }

    fn put(&self, documents: &[(String, SparseVector)]) -> Result<(), StoreFailure> {
        let points: Vec<PointStruct> = documents.iter().map(|(id, vector)| point(id, vector)).collect();
        self.run(self.client.upsert_points(UpsertPointsBuilder::new(&self.collection, points).wait(true))).map(drop)
    }

    fn remove(&self, ids: &[String]) -> Result<(), StoreFailure> {
        let ids = PointsIdsList { ids: ids.iter().map(|id| point_id(id)).collect() };
        self.run(self.client.delete_points(DeletePointsBuilder::new(&self.collection).points(ids).wait(true))).map(drop)
    }

    fn search(&self, queries: &[SparseVector], limit: usize) -> Result<Vec<Vec<Hit>>, StoreFailure> {
        let query = |vector: &SparseVector| {
            let (terms, weights) = unzipped(vector);
            let query = QueryPointsBuilder::new(&self.collection).query(VectorInput::new_sparse(terms, weights));
            query.using(TERMS).limit(limit as u64).with_payload(true).build()
        };
        let queries: Vec<_> = queries.iter().map(query).collect();
        let response = self.run(self.client.query_batch(QueryBatchPointsBuilder::new(&self.collection, queries)))?;
        let hits = response.result.into_iter().map(|found| found.result.into_iter().map(|point| self.hit(point)).collect());
        hits.collect()
    }
}

/// How long the service wants to be left alone at least, if the same call may succeed later.
fn transient(error: &QdrantError) -> Option<Duration> {
    match error {
        QdrantError::ResourceExhaustedError { retry_after_seconds, .. } => {
            Some(Duration::from_secs(*retry_after_seconds).min(LONGEST_WAIT))
        }
        QdrantError::ResponseError { status } if TRANSIENT.contains(&(status.code() as i32)) => Some(Duration::ZERO),
        QdrantError::Io(_) => Some(Duration::ZERO),
        _ => None,
    }
}

/// The client's error on one line, without the headers that its own text has.
fn describe(error: &QdrantError) -> String {
    match error {
        QdrantError::ResponseError { status } if status.code() as i32 == NOT_FOUND => {
            format!("{}; add documents first", status.message())
        }
        QdrantError::ResponseError { status } | QdrantError::ResourceExhaustedError { status, .. } => {
            format!("{:?}: {}", status.code(), status.message())
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_named_after_its_document_for_ever() {
        // The values are of Python's uuid.uuid5. An existing index is found only while they stay
        // the same.
        for (id, uuid) in
            [("doc-1", "341497f2-bcd9-5ef1-b7db-fc75fef89309"), ("Übersicht/é", "22fb4f23-222b-52fe-adc1-b242f06154b9")]
        {
            assert_eq!(point_id(id), PointId::from(uuid));
        }
    }

    #[test]
    fn a_point_keeps_its_documents_id() {
        let point = point("doc-1", &SparseVector(vec![(3, 0.5), (7, 1.5)]));
        assert_eq!(point.payload.get(ID).and_then(text), Some("doc-1"));
    }
}
