//! Shared parts of plugins that use a service: a [`Secret`] from the environment that no message
//! shows, [retries](retry) of transient failures, and a retriever over the sparse vectors of a
//! [`Store`].

mod address;
mod index;
mod patience;
mod proxy;
mod secret;
mod store;

pub use address::{URL_EXPECTED, URL_PATTERN, check_url};
pub use index::RemoteIndex;
pub use patience::{GaveUp, backoff, retry, seconds};
pub use proxy::proxy_from_environment;
pub use secret::{Secret, VARIABLE_EXPECTED, VARIABLE_PATTERN};
pub use store::{Store, StoreFailure};
