//! Checkpointed segments of a component, which the backward sweep runs again.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use scaledown_sdk::{Error, Result, Tensor};

use super::compressor::Guest;

/// The segments of one instance.
#[derive(Clone, Default)]
pub(super) struct Segments {
    /// Weak, since the instance's tensors may hold its segments.
    guest: Weak<Mutex<Guest>>,
    forgotten: Arc<Mutex<Vec<u64>>>,
}

/// A segment that may run again. When it is dropped, the component is notified at its next call.
pub(super) struct Segment {
    id: u64,
    segments: Segments,
}

impl Segments {
    pub(super) fn of(guest: &Arc<Mutex<Guest>>) -> Self {
        Segments { guest: Arc::downgrade(guest), forgotten: Arc::default() }
    }

    pub(super) fn segment(&self, id: u64) -> Segment {
        Segment { id, segments: self.clone() }
    }

    /// Those that will not run again, of which the component has not heard yet.
    pub(super) fn take_forgotten(&self) -> Vec<u64> {
        std::mem::take(&mut *self.forgotten.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Segment {
    /// Runs the segment again.
    pub(super) fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let guest = self.segments.guest.upgrade().ok_or_else(|| {
            Error::Autodiff("a component was dropped before the backward sweep ran its checkpointed segments again".into())
        })?;
        let mut guest = guest.lock().unwrap_or_else(PoisonError::into_inner);
        guest.recompute(self.id, inputs)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.segments.forgotten.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
    }
}
