//! A collection of sparse vectors in Milvus.

use std::time::Duration;

use milvus::v2::error::Error as MilvusError;
use milvus::v2::prelude::{
    ClientV2, CollectionSchema, ConnectConfig, ConsistencyLevel, CreateCollectionRequest, CreateIndexRequest, DataType,
    DeleteRequest, DescribeCollectionRequest, DescribeIndexRequest, FieldData, FieldSchema, HasCollectionRequest, Ids,
    IndexParam, IndexType, InsertRequest, LoadCollectionRequest, MetricType, RetryConfig, SearchRequest, SearchVectors,
    SingleResult, TelemetryConfig, UpsertRequest,
};
use scaledown_remote::{Secret, Store, StoreFailure, check_url, seconds};
use scaledown_sdk::Error;
use scaledown_sdk::component::{Hit, SparseVector};
use tokio::runtime::Runtime;

use crate::MilvusConfig;

/// The primary key: the document's id.
const ID: &str = "id";
/// The vector.
const TERMS: &str = "terms";
/// The collection's property that says what made it.
const FINGERPRINT: &str = "scaledown";
/// The longest until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// The maximum bytes of an id.
const LONGEST_ID: u32 = 1024;
/// Milvus's own limit of hits a query.
const MOST_HITS: usize = 16_384;
/// gRPC's codes of failures that pass: cancelled, unknown (a broken connection), out of time,
/// exhausted, aborted, internal, unavailable.
const TRANSIENT_CALLS: [i32; 7] = [1, 2, 4, 8, 10, 13, 14];
/// Milvus's codes of such failures: not ready, unavailable, too many requests, rate limit exceeded,
/// not fully loaded.
const TRANSIENT_ERRORS: [i32; 5] = [1, 2, 4, 8, 103];

/// Milvus's code of a collection that is not there.
const NO_COLLECTION: i32 = 100;
/// Milvus's code of a collection without the index.
const NO_INDEX: i32 = 700;

/// A connection to one collection.
pub(crate) struct MilvusStore {
    /// Drives the client while a call waits for it.
    runtime: Runtime,
    client: ClientV2,
    url: String,
    collection: String,
    timeout: Duration,
    token: Option<Secret>,
}

impl MilvusStore {
    /// Connects to the service.
    ///
    /// # Errors
    /// [`Error::Config`] for an address that cannot be used; [`Error::Plugin`] if nothing answers
    /// there, or it refuses the token.
    pub(crate) fn connect(config: &MilvusConfig, token: Option<Secret>) -> Result<Self, Error> {
        check_url("retriever.url", &config.url, "http://localhost:19530", "retriever.token_env")?;
        let timeout = seconds("retriever.timeout", config.timeout)?;
        let mut connection = ConnectConfig::new()
            .uri(&config.url)
            .connect_timeout(timeout.min(CONNECT))
            .rpc_timeout(timeout)
            .retry(RetryConfig::new().max_attempts(1))
            .telemetry(TelemetryConfig::new().enabled(false));
        if let Some(database) = &config.database {
            connection = connection.database(database);
        }
        if let Some(certificate) = &config.ca_certificate {
            connection = connection.ca_certificate(certificate.display().to_string());
        }
        if let Some(token) = &token {
            connection = connection.token(token.expose());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::Plugin { plugin: "milvus".into(), message: error.to_string() })?;
        let client = runtime.block_on(ClientV2::new(&connection)).map_err(|error| {
            let shown = format!("{}: {}; check that Milvus is running there", config.url, describe(&error));
            Error::Plugin { plugin: "milvus".into(), message: token.as_ref().map_or(shown.clone(), |token| token.redact(&shown)) }
        })?;
        Ok(MilvusStore { runtime, client, url: config.url.clone(), collection: config.collection.clone(), timeout, token })
    }

    /// Runs a call of the client to its end.
    fn run<T>(&self, call: impl Future<Output = Result<T, MilvusError>>) -> Result<T, StoreFailure> {
        self.runtime.block_on(call).map_err(|error| {
            let message = self.without_token(&describe(&error));
            if is_transient(&error) {
                StoreFailure::Transient { message, wait: Duration::ZERO }
            } else {
                StoreFailure::Permanent(self.permanent(&message))
            }
        })
    }

    fn permanent(&self, message: &str) -> Error {
        Error::Plugin { plugin: "milvus".into(), message: format!("{}: {message}", self.name()) }
    }

    fn without_token(&self, text: &str) -> String {
        self.token.as_ref().map_or_else(|| text.to_owned(), |token| token.redact(text))
    }

    /// How long a call may wait for the service to be done, in milliseconds.
    fn timeout_ms(&self) -> i64 {
        i64::try_from(self.timeout.as_millis()).unwrap_or(i64::MAX)
    }

    async fn exists(&self) -> Result<bool, MilvusError> {
        let asked = HasCollectionRequest::builder().collection_name(&self.collection).build()?;
        Ok(self.client.has_collection(asked).await?.exists())
    }

    async fn create(&self, vocabulary: usize) -> Result<(), MilvusError> {
        let id = FieldSchema::new().name(ID).data_type(DataType::VarChar).max_length(LONGEST_ID).primary_key(true);
        let terms = FieldSchema::new().name(TERMS).data_type(DataType::SparseFloatVector);
        let schema = CollectionSchema::new().add_field(id).add_field(terms);
        let asked = CreateCollectionRequest::builder()
            .collection_name(&self.collection)
            .properties([(FINGERPRINT.to_owned(), fingerprint(vocabulary))].into())
            .schema(schema)
            .consistency_level(ConsistencyLevel::Strong)
            .build()?;
        self.client.create_collection(asked).await
    }

    /// Indexes the collection if necessary, and loads it. Both are idempotent.
    async fn open(&self) -> Result<(), MilvusError> {
        if !self.is_indexed().await? {
            let index = IndexParam::new().field_name(TERMS).index_name(TERMS).index_type(IndexType::SparseInvertedIndex);
            let index = index.metric_type(MetricType::Ip);
            let asked = CreateIndexRequest::builder().collection_name(&self.collection).index_param(index).sync(false).build()?;
            self.client.create_index(asked).await?;
        }
        let asked = LoadCollectionRequest::builder().collection_name(&self.collection).timeout_ms(self.timeout_ms()).build()?;
        self.client.load_collection(asked).await
    }

    async fn is_indexed(&self) -> Result<bool, MilvusError> {
        let asked = DescribeIndexRequest::builder().collection_name(&self.collection).index_name(TERMS).build()?;
        match self.client.describe_index(asked).await {
            Ok(_) => Ok(true),
            Err(MilvusError::Server(error)) if error.code() == NO_INDEX => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The mismatch of the existing collection with vectors of `vocabulary` terms.
    async fn schema_mismatch(&self, vocabulary: usize) -> Result<Option<String>, MilvusError> {
        let asked = DescribeCollectionRequest::builder().collection_name(&self.collection).build()?;
        let found = self.client.describe_collection(asked).await?;
        let found = found.description();
        let fields = found.get_schema().get_fields();
        let has = |name, kind| fields.iter().any(|field| field.get_name() == name && field.get_data_type() == kind);
        if found.get_primary_field_name() != ID || !has(ID, DataType::VarChar) || !has(TERMS, DataType::SparseFloatVector) {
            return Ok(Some(format!(
                "not created by ScaleDown: expected the fields `{ID}` (VarChar, the primary key) and `{TERMS}` \
                 (SparseFloatVector); choose another retriever.collection"
            )));
        }
        let expected = fingerprint(vocabulary);
        let made = found.get_properties().get(FINGERPRINT).filter(|made| **made != expected);
        Ok(made.map(|made| {
            format!(
                "created with another encoder ({made:?}, expected {expected:?}); use the same retriever.encoder, or another retriever.collection"
            )
        }))
    }
}

/// The fingerprint property of a collection for vectors of `vocabulary` terms.
fn fingerprint(vocabulary: usize) -> String {
    format!("sparse vectors, format 1, {vocabulary} terms")
}

impl Store for MilvusStore {
    fn name(&self) -> String {
        format!("{}, collection {}", self.url, self.collection)
    }

    fn most_hits(&self) -> usize {
        MOST_HITS
    }

    fn longest_id(&self) -> usize {
        LONGEST_ID as usize
    }

    fn prepare(&self, vocabulary: usize) -> Result<(), StoreFailure> {
        if !self.run(self.exists())? {
            self.run(self.create(vocabulary))?;
        } else if let Some(schema_mismatch) = self.run(self.schema_mismatch(vocabulary))? {
            return Err(StoreFailure::Permanent(Error::Config(format!("{}: {schema_mismatch}", self.name()))));
        }
        self.run(self.open())
    }

    fn put(&self, documents: &[(String, SparseVector)]) -> Result<(), StoreFailure> {
        let ids = documents.iter().map(|(id, _)| id.clone()).collect();
        let vectors = documents.iter().map(|(_, vector)| vector.0.iter().copied().collect()).collect();
        self.run(async {
            let columns = vec![FieldData::varchar(ID, ids), FieldData::sparse_float_vector(TERMS, vectors)];
            let insert = InsertRequest::builder().collection_name(&self.collection).columns(columns).build()?;
            self.client.upsert(UpsertRequest::builder().insert(insert).build()?).await.map(drop)
        })
    }

    fn remove(&self, ids: &[String]) -> Result<(), StoreFailure> {
        self.run(async {
            let asked = DeleteRequest::builder().collection_name(&self.collection).ids(Ids::VarChar(ids.to_vec())).build()?;
            self.client.delete(asked).await.map(drop)
        })
    }

    fn search(&self, queries: &[SparseVector], limit: usize) -> Result<Vec<Vec<Hit>>, StoreFailure> {
        let vectors = queries.iter().map(|vector| vector.0.iter().copied().collect()).collect();
        let response = self.run(async {
            let asked = SearchRequest::builder()
                .collection_name(&self.collection)
                .vector_field(TERMS)
                .vectors(SearchVectors::SparseFloat(vectors))
                .metric_type(MetricType::Ip)
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .consistency_level(ConsistencyLevel::Strong)
                .build()?;
            self.client.search(asked).await
        })?;
        response.results().iter().map(|found| self.hits(found)).collect()
    }
}

impl MilvusStore {
    fn hits(&self, found: &SingleResult) -> Result<Vec<Hit>, StoreFailure> {
        match found.get_ids() {
            Ids::VarChar(ids) => {
                let hits = ids.iter().zip(found.get_scores()).map(|(id, &score)| Hit { id: id.clone(), score });
                Ok(hits.collect())
            }
            // A query without hits has ids of no kind.
            other if other.is_empty() => Ok(Vec::new()),
            _ => Err(StoreFailure::Permanent(
                self.permanent("its ids are not strings; expected a collection created by ScaleDown"),
            )),
        }
    }
}

/// Whether the same call may succeed later.
fn is_transient(error: &MilvusError) -> bool {
    match error {
        MilvusError::Grpc(status) => TRANSIENT_CALLS.contains(&(status.code() as i32)),
        MilvusError::Server(error) => TRANSIENT_ERRORS.contains(&error.code()),
        MilvusError::Timeout(_) => true,
        MilvusError::RetryExhausted { source, .. } => is_transient(source),
        _ => false,
    }
}

/// The client's error on one line, without the headers that its own text has.
fn describe(error: &MilvusError) -> String {
    match error {
        MilvusError::Grpc(status) => format!("{:?}: {}", status.code(), status.message()),
        MilvusError::RetryExhausted { source, .. } => describe(source),
        MilvusError::Server(error) if error.code() == NO_COLLECTION => {
            format!("{}; add documents first", error.reason())
        }
        other => other.to_string(),
    }
}
