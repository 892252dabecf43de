//! Ctrl-C: the first asks a long run to stop after the current step, the second ends the process at
//! once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result};

/// The exit code of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// Whether the user asked to stop. Clones share the request.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// A request that only [`Interrupt::request`] makes; no signal does.
    #[must_use]
    pub fn manual() -> Self {
        Interrupt::default()
    }

    /// Listens to Ctrl-C and to the signal that asks a process to end, from now on. Long commands
    /// that can stop between two steps call this; the others end at once, as is usual.
    ///
    /// # Errors
    /// If the system refuses a signal handler.
    pub fn listen() -> Result<Self> {
        static LISTENING: OnceLock<Interrupt> = OnceLock::new();
        if let Some(interrupt) = LISTENING.get() {
            return Ok(interrupt.clone());
        }
        let interrupt = Interrupt::default();
        let handler = interrupt.clone();
        ctrlc::set_handler(move || {
            if handler.requested() {
                std::process::exit(INTERRUPTED);
            }
            handler.request();
            // Ends waits for services.
            scaledown_sdk::component::stop::request_stop();
            eprintln!("stopping after this step; press Ctrl-C again to stop now and lose it");
        })
        .map_err(|error| Error::because("cannot listen for Ctrl-C", error))?;
        Ok(LISTENING.get_or_init(|| interrupt).clone())
    }

    /// Asks to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether to stop.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::Interrupt;

    #[test]
    fn clones_share_the_request() {
        let interrupt = Interrupt::manual();
        let clone = interrupt.clone();
        assert!(!clone.requested());
        interrupt.request();
        assert!(clone.requested());
        assert!(!Interrupt::manual().requested());
    }
}
