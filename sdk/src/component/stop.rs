//! The request to stop, which reaches what a component waits for.
//!
//! A process is stopped once, by a signal handler, which cannot pass a value: the request is
//! global. A component that waits for long (for a service's backoff, for example) checks for it
//! every [`POLL`] and then fails with an error that says so. Work that is not waiting runs to its
//! end: the host decides when to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The polling interval of waits: costs nothing, and the delay is not noticeable.
pub const POLL: Duration = Duration::from_millis(100);

static ASKED: AtomicBool = AtomicBool::new(false);

/// Asks everything in this process that waits to give up. It cannot be taken back. A signal handler
/// may call it.
pub fn request_stop() {
    ASKED.store(true, Ordering::SeqCst);
}

/// Whether [`request_stop`] was called.
#[must_use]
pub fn stop_requested() -> bool {
    ASKED.load(Ordering::SeqCst)
}
