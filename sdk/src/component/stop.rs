//! The request to stop, which reaches what a component waits for.
//!
//! A process is asked to stop once, and by a signal, which has nobody to hand a value to: the
//! request is the process's. A component that can wait for long (for a service that wants to be
//! left alone, say) looks every [`POLL`] whether it is there, and then gives up with an error that
//! says so. Work that is not waiting goes on to its end: the host decides when to take no more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often what waits looks whether to stop: seldom enough to cost nothing, and often enough that
/// nobody notices the delay.
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
