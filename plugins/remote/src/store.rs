//! A service that keeps sparse vectors.

use std::time::Duration;

use scaledown_sdk::Error;
use scaledown_sdk::component::{Hit, SparseVector};

/// A service that stores sparse vectors under document ids, as a retriever uses it. Calls are
/// idempotent: they may be retried after any failure.
pub trait Store: Send + Sync {
    /// Its name in messages: the service, its address and the collection.
    fn name(&self) -> String;

    /// The maximum hits of a query.
    fn most_hits(&self) -> usize;

    /// The longest id, in bytes.
    fn longest_id(&self) -> usize;

    /// Creates the collection for vectors of `vocabulary` terms, or checks an existing one.
    ///
    /// # Errors
    /// If the service fails, or has another kind of collection under that name.
    fn prepare(&self, vocabulary: usize) -> Result<(), StoreFailure>;

    /// Stores documents, replacing older ones with the same id. No id comes twice, and no
    /// vector is empty. When it returns, a search finds them.
    ///
    /// # Errors
    /// If the service fails.
    fn put(&self, documents: &[(String, SparseVector)]) -> Result<(), StoreFailure>;

    /// Takes documents out, whether they are in or not.
    ///
    /// # Errors
    /// If the service fails.
    fn remove(&self, ids: &[String]) -> Result<(), StoreFailure>;

    /// The `limit` documents of the greatest products with each vector, greatest first; of equal
    /// ones, whichever and however ordered. No vector is empty.
    ///
    /// # Errors
    /// If the service fails, or the collection does not exist.
    fn search(&self, queries: &[SparseVector], limit: usize) -> Result<Vec<Vec<Hit>>, StoreFailure>;
}

/// Why a call of a [`Store`] failed.
#[derive(Debug)]
pub enum StoreFailure {
    /// The same call may succeed later.
    Transient {
        /// The message.
        message: String,
        /// How long the service wants to be left alone at least.
        wait: Duration,
    },
    /// It will not.
    Permanent(Error),
}
