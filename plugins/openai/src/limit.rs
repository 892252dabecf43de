//! How many questions are with the service at a time.

use parking_lot::{Condvar, Mutex};

/// A number of places, which all calls share.
pub(crate) struct Limit {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A place, which is free again when this is dropped.
pub(crate) struct Place<'a>(&'a Limit);

impl Limit {
    /// As many places, and at least one.
    pub(crate) fn new(places: usize) -> Self {
        Limit { free: Mutex::new(places.max(1)), freed: Condvar::new() }
    }

    /// Waits for a place.
    pub(crate) fn wait(&self) -> Place<'_> {
        let mut free = self.free.lock();
        self.freed.wait_while(&mut free, |free| *free == 0);
        *free -= 1;
        Place(self)
    }

    /// A place, if one is free.
    pub(crate) fn take(&self) -> Option<Place<'_>> {
        let mut free = self.free.lock();
        *free = free.checked_sub(1)?;
        Some(Place(self))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}
