//! What differs between layers that see all tokens before and layers with a sliding window.

use crate::Result;

/// One value for layers that see everything, and another for those with a window, where it differs.
#[derive(Clone, Debug)]
pub(super) struct ByReach<T> {
    pub(super) global: T,
    pub(super) local: Option<T>,
}

impl<T> ByReach<T> {
    /// The value for a layer with a window, or without one.
    pub(super) fn of(&self, local: bool) -> &T {
        match &self.local {
            Some(value) if local => value,
            _ => &self.global,
        }
    }

    /// What `make` makes of each value.
    pub(super) fn map<U>(&self, make: impl Fn(&T) -> Result<U>) -> Result<ByReach<U>> {
        Ok(ByReach { global: make(&self.global)?, local: self.local.as_ref().map(&make).transpose()? })
    }
}
