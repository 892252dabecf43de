//! What the plugins share that speak to a service: a [`Secret`] from the environment that no message shows, how long to [wait](waits) before a
//! request is made again, and a retriever over the sparse vectors of a [`Store`].

mod index;
mod secret;
mod store;

pub use index::RemoteIndex;
pub use secret::Secret;
pub use store::{Failure, Store};

use std::time::Duration;

use backon::ExponentialBuilder;

/// The waits before a request is made again: `first`, then twice as long each time up to a minute, each with up to as much again at random;
/// `retries` of them.
#[must_use]
pub fn waits(first: Duration, retries: u32) -> ExponentialBuilder {
    let waits = ExponentialBuilder::new().with_min_delay(first).with_max_delay(Duration::from_secs(60));
    waits.with_max_times(retries as usize).with_jitter()
}
