//! Instances of one plugin that are built alike, so that calls run side by side.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use scaledown_sdk::Result;

use crate::guest::Guest;
use crate::plugin::Plugin;
use crate::settings::Limits;

/// Instances that wait for calls. At most as many are in use as the plugin's limits allow; another
/// call waits for one.
pub(crate) struct Pool {
    state: Mutex<State>,
    returned: Condvar,
    most: usize,
    patience: Duration,
}

#[derive(Default)]
struct State {
    idle: Vec<Guest>,
    busy: usize,
    /// How often all instances were dropped: one that was made before is not kept.
    generation: u64,
}

impl Pool {
    pub(crate) fn new(limits: &Limits) -> Self {
        Pool { state: Mutex::default(), returned: Condvar::new(), most: limits.instances.max(1), patience: limits.call() }
    }

    /// Runs a call on an instance that is idle, or on one that `make` makes. One that failed is
    /// dropped.
    ///
    /// # Errors
    /// Those of `make` and `call`.
    pub(crate) fn with<T>(
        &self,
        plugin: &Plugin,
        make: impl Fn() -> Result<Guest>,
        call: impl FnOnce(&mut Guest) -> Result<T>,
    ) -> Result<T> {
        let Some((idle, generation)) = self.take() else {
            return Err(plugin.error(format!("all of its {} instances were busy for too long", self.most)));
        };
        let mut place = Place { pool: self, guest: None, generation };
        let guest = match idle {
            Some(guest) => guest,
            None => make()?,
        };
        call(place.guest.insert(guest))
    }

    /// Drops all instances: what they hold is out of date.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.generation += 1;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }

    /// An idle instance, if there is one, and a place among those in use; nothing if none is free
    /// in the time of a call.
    fn take(&self) -> Option<(Option<Guest>, u64)> {
        let began = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.busy >= self.most {
            let left = self.patience.checked_sub(began.elapsed())?;
            state = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.busy += 1;
        Some((state.idle.pop(), state.generation))
    }
}

/// A place among the instances in use, released when a call ends.
struct Place<'a> {
    pool: &'a Pool,
    guest: Option<Guest>,
    generation: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.busy -= 1;
        if let Some(guest) = self.guest.take().filter(|guest| !guest.failed())
            && state.generation == self.generation
        {
            state.idle.push(guest);
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}
