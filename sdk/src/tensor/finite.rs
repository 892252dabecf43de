//! The search for the instruction that made a NaN or an infinity.

use std::cell::Cell;

use super::backend::{DeviceBackend, Value};
use crate::Result;

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` while every instruction of this thread is checked: the first that makes a NaN or an
/// infinity of finite inputs fails with [`Error::NonFinite`](crate::Error::NonFinite), to which the
/// modules around it add their path. It reads every tensor back to the host and is slow; it is for
/// the second run of a pass that went wrong.
pub fn watch_finite<T>(f: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            WATCHING.set(self.0);
        }
    }
    let _restore = Restore(WATCHING.replace(true));
    f()
}

pub(super) fn watching() -> bool {
    WATCHING.get()
}

/// Whether no element of `values` is NaN or infinite.
pub(super) fn all_finite(backend: &dyn DeviceBackend, values: &[Value]) -> Result<bool> {
    let floats: Vec<&Value> = values.iter().filter(|value| value.spec.dtype.is_float()).collect();
    Ok(backend.read(&floats)?.iter().all(|data| data.to_f64().iter().all(|element| element.is_finite())))
}
