//! Waits for what is outside of the component: a file, a service, another component. The engine
//! ends a component that runs too long; it cannot end the host, which therefore waits on another
//! thread and gives up.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use scaledown_sdk::component::stop::{POLL, stop_requested};

use crate::imports::Imports;
use crate::settings::Limits;

/// Whose time an operation of the host takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitTime {
    /// The call's: it is over when either is.
    Call,
    /// Its own, which does not count.
    Own,
}

impl Imports {
    /// Runs an operation that may wait, on a thread of its own: not longer than `host_seconds`, or
    /// than the call has left. What a thread that is given up still does is of no consequence.
    ///
    /// # Errors
    /// If it takes too long, the user wants to stop, or it panics: the call ends.
    pub(crate) fn patiently<T: Send + 'static>(
        &mut self,
        what: &str,
        time: WaitTime,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> wasmtime::Result<T> {
        let limits = &self.plugin.settings().limits;
        let began = Instant::now();
        let left = self.deadline.saturating_duration_since(began);
        let (most, limit) = match limits.host() {
            host if time == WaitTime::Call && left < host => (
                left,
                format!(
                    "a call took more than {} s: `call_seconds` in its limits, while it waited for {what}",
                    limits.call_seconds
                ),
            ),
            host => (host, format!("{what} took more than {} s: `host_seconds` in its limits", limits.host_seconds)),
        };
        let (sender, outcome) = sync_channel(1);
        let work = move || {
            // The call may have ended meanwhile.
            let _ = sender.send(work());
        };
        std::thread::Builder::new().name("plugin service".into()).spawn(work)?;
        let result = loop {
            let Some(left) = most.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) else {
                wasmtime::bail!("{limit}");
            };
            match outcome.recv_timeout(left.min(POLL)) {
                Ok(result) => break result,
                Err(RecvTimeoutError::Disconnected) => wasmtime::bail!("the host's thread gave up, in {what}"),
                Err(RecvTimeoutError::Timeout) if stop_requested() => wasmtime::bail!("it was interrupted"),
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        if time == WaitTime::Own {
            self.deadline = self.deadline.checked_add(began.elapsed()).unwrap_or(self.deadline);
        }
        Ok(result)
    }
}

impl Limits {
    /// How long an operation of the host may take.
    fn host(&self) -> Duration {
        Duration::try_from_secs_f64(self.host_seconds).unwrap_or(Duration::MAX)
    }
}
