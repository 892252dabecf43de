//! Memory on the device: what is freed is kept for the next tensor of its size.
//!
//! There is one stream, so memory may be given away as soon as its tensor is dropped: its next
//! owner writes after everything that was asked for before.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::driver::Driver;
use crate::error::{CudaError, Result};

/// The least that is asked of the driver.
const LEAST: usize = 512;

/// Hands out the memory of a device.
pub(crate) struct Memory {
    driver: Arc<dyn Driver>,
    kept: Mutex<Kept>,
}

/// Free memory, by size.
#[derive(Default)]
struct Kept {
    addresses: BTreeMap<usize, Vec<u64>>,
    bytes: u64,
}

impl Memory {
    pub(crate) fn new(driver: Arc<dyn Driver>) -> Arc<Self> {
        Arc::new(Memory { driver, kept: Mutex::default() })
    }

    /// Memory of at least `bytes`.
    ///
    /// # Errors
    /// [`CudaError::OutOfMemory`], after all kept memory was released.
    pub(crate) fn allocate(self: &Arc<Self>, bytes: usize) -> Result<Buffer> {
        if bytes == 0 {
            return Ok(Buffer::default());
        }
        let class = if self.driver.properties().keeps_memory { size_class(bytes) } else { bytes };
        let address = match self.take(class) {
            Some(address) => address,
            None => match self.driver.allocate(class) {
                Err(CudaError::OutOfMemory { .. }) if self.release() => self.driver.allocate(class),
                other => other,
            }
            .map_err(|error| match error {
                CudaError::OutOfMemory { .. } => CudaError::OutOfMemory { bytes: bytes as u64 },
                other => other,
            })?,
        };
        Ok(Buffer { address, class, memory: Some(Arc::clone(self)) })
    }

    /// The bytes that are kept for tensors to come.
    pub(crate) fn kept(&self) -> u64 {
        self.lock().bytes
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, Kept> {
        self.kept.lock()
    }

    fn take(&self, class: usize) -> Option<u64> {
        let mut kept = self.lock();
        let address = kept.addresses.get_mut(&class)?.pop()?;
        kept.bytes -= class as u64;
        Some(address)
    }

    /// Returns kept memory to the driver; whether there was any.
    fn release(&self) -> bool {
        let kept = std::mem::take(&mut *self.lock());
        kept.addresses.into_values().flatten().for_each(|address| self.driver.free(address));
        // The driver frees in stream order; what is asked for next must not come before.
        kept.bytes > 0 && self.driver.synchronize().is_ok()
    }

    fn give_back(&self, address: u64, class: usize) {
        if !self.driver.properties().keeps_memory {
            return self.driver.free(address);
        }
        let mut kept = self.lock();
        kept.addresses.entry(class).or_default().push(address);
        kept.bytes += class as u64;
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.release();
    }
}

/// The size that is asked for in place of `bytes`: at most an eighth more, so that tensors of
/// nearly one size share memory.
fn size_class(bytes: usize) -> usize {
    let bytes = bytes.max(LEAST);
    let step = (bytes.next_power_of_two() / 16).max(LEAST);
    bytes.checked_next_multiple_of(step).unwrap_or(bytes)
}

/// Memory of one tensor; an empty one has none.
#[derive(Default)]
pub(crate) struct Buffer {
    address: u64,
    class: usize,
    memory: Option<Arc<Memory>>,
}

impl Buffer {
    /// Where it begins on the device.
    #[must_use]
    pub(crate) fn address(&self) -> u64 {
        self.address
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            memory.give_back(self.address, self.class);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_by_an_eighth_at_most() {
        assert_eq!(size_class(1), 512);
        assert_eq!(size_class(513), 1024);
        for bytes in (1..60).map(|i| 10_000 + i * i * 9_973) {
            let class = size_class(bytes);
            assert!(class >= bytes && class <= bytes + bytes / 8 + 512, "{bytes} became {class}");
            assert_eq!(size_class(class), class, "a class is its own");
        }
    }
}
