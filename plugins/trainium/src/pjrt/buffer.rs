//! Buffers: the elements of a tensor on a device.

use std::ffi::c_int;
use std::sync::Arc;

use super::api::{Event, Failure};
use super::client::Client;
use super::sys::{self, Arguments, Handle};

/// The element type of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the types'")]
pub enum BufferType {
    Pred,
    S32,
    S64,
    U32,
    F16,
    F32,
    F64,
    Bf16,
}

impl BufferType {
    /// The header's number.
    pub(super) fn code(self) -> c_int {
        match self {
            BufferType::Pred => 1,
            BufferType::S32 => 4,
            BufferType::S64 => 5,
            BufferType::U32 => 8,
            BufferType::F16 => 10,
            BufferType::F32 => 11,
            BufferType::F64 => 12,
            BufferType::Bf16 => 13,
        }
    }
}

/// Elements on a device. They are freed when it is dropped, after what uses them has run.
pub struct Buffer {
    pub(super) client: Arc<Client>,
    pub(super) raw: Handle,
}

// SAFETY: buffers may be used by any thread.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

/// Elements on their way to the host.
pub struct Download {
    bytes: Vec<u8>,
    event: Event,
}

impl Download {
    /// Waits for the elements.
    ///
    /// # Errors
    /// If the transfer fails, or what computes the elements does.
    pub fn wait(mut self) -> Result<Vec<u8>, Failure> {
        self.event.wait()?;
        Ok(std::mem::take(&mut self.bytes))
    }
}

impl Buffer {
    /// Begins to bring its `size` bytes to the host.
    ///
    /// # Errors
    /// If the elements have been given away.
    pub fn download(&self, size: usize) -> Result<Download, Failure> {
        let mut bytes = vec![0; size];
        let mut host = sys::BufferToHost::new();
        host.source = self.raw;
        host.destination = bytes.as_mut_ptr().cast();
        host.destination_size = bytes.len();
        let api = &self.client.api;
        api.call(&mut host)?;
        Ok(Download { bytes, event: Event { api: Arc::clone(api), raw: host.event } })
    }

    /// Where the elements are, where the plugin tells.
    ///
    /// # Errors
    /// If it does not.
    pub fn address(&self) -> Result<usize, Failure> {
        let mut pointer = sys::BufferPointer::new();
        pointer.buffer = self.raw;
        self.client.api.call(&mut pointer)?;
        Ok(pointer.pointer)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut destroy = sys::BufferDestroy::new();
        destroy.buffer = self.raw;
        let _ = self.client.api.call(&mut destroy);
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // The plugin writes to the bytes until then.
        let _ = self.event.wait();
    }
}
