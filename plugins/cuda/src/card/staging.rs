//! Copies between the host and the card, through memory that the card reads by itself.
//!
//! A small upload takes the next of many slots, without waiting for the card; a large one
//! takes turns between a few, so that filling one overlaps with copying the other.

use std::ffi::c_void;
use std::sync::Arc;

use super::context::Context;
use crate::error::Result;
use crate::libraries::cuda::Handle;

/// Slots for small uploads, and their bytes.
const SMALL: (usize, usize) = (256, 64 << 10);
/// Slots for large ones.
const LARGE: (usize, usize) = (4, 16 << 20);
/// Bytes up to which a download goes through pinned memory.
const DOWNLOAD: usize = 16 << 20;
/// An event that is for waiting only.
const DISABLE_TIMING: u32 = 2;

/// Memory of the host that the card reads and writes by itself.
struct Pinned {
    context: Arc<Context>,
    start: *mut u8,
}

impl Pinned {
    fn new(context: Arc<Context>, bytes: usize) -> Result<Self> {
        let mut start: *mut c_void = std::ptr::null_mut();
        let cuda = context.enter()?;
        // SAFETY: the pointer is to one that lives on.
        cuda.check("cuMemHostAlloc", unsafe { (cuda.cuMemHostAlloc)(&mut start, bytes, 0) })?;
        Ok(Pinned { start: start.cast(), context })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Ok(cuda) = self.context.enter() {
            // SAFETY: the memory is this one's, and its copies are done.
            unsafe { (cuda.cuMemFreeHost)(self.start.cast()) };
        }
    }
}

/// Slots that are used in turn, each free again when its copy is done.
struct Ring {
    memory: Pinned,
    slot: usize,
    events: Vec<(Handle, bool)>,
    next: usize,
}

impl Ring {
    fn new(context: &Arc<Context>, (slots, slot): (usize, usize)) -> Result<Self> {
        let mut ring = Ring { memory: Pinned::new(Arc::clone(context), slots * slot)?, slot, events: Vec::new(), next: 0 };
        let cuda = context.enter()?;
        for _ in 0..slots {
            let mut event = std::ptr::null_mut();
            // SAFETY: the pointer is to a handle that lives on.
            cuda.check("cuEventCreate", unsafe { (cuda.cuEventCreate)(&mut event, DISABLE_TIMING) })?;
            ring.events.push((event, false));
        }
        Ok(ring)
    }

    /// Copies bytes, of which there are no more than a slot holds.
    fn copy(&mut self, to: u64, bytes: &[u8]) -> Result<()> {
        let context = Arc::clone(&self.memory.context);
        let cuda = context.enter()?;
        let index = self.next;
        self.next = (index + 1) % self.events.len().max(1);
        let Some((event, used)) = self.events.get_mut(index) else { return Ok(()) };
        // SAFETY: the slot lies within the memory, has room for the bytes, and is not written
        // before its last copy is done.
        unsafe {
            if *used {
                cuda.check("cuEventSynchronize", (cuda.cuEventSynchronize)(*event))?;
            }
            let slot = self.memory.start.add(index * self.slot);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), slot, bytes.len());
            let code = (cuda.cuMemcpyHtoDAsync_v2)(to, slot.cast(), bytes.len(), context.stream);
            cuda.check("cuMemcpyHtoDAsync", code)?;
            cuda.check("cuEventRecord", (cuda.cuEventRecord)(*event, context.stream))?;
        }
        *used = true;
        Ok(())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if let Ok(cuda) = self.memory.context.enter() {
            for (event, used) in self.events.drain(..) {
                // SAFETY: events are this ring's; a copy that is under way is waited for.
                unsafe {
                    if used {
                        (cuda.cuEventSynchronize)(event);
                    }
                    (cuda.cuEventDestroy_v2)(event);
                }
            }
        }
    }
}

/// The ways between host and card.
pub(super) struct Staging {
    context: Arc<Context>,
    small: Ring,
    /// Made when it is needed first.
    large: Option<Ring>,
    download: Option<Pinned>,
}

// SAFETY: the pointers are to memory that this one owns, and the driver's handles are not bound to
// a thread.
unsafe impl Send for Staging {}

impl Staging {
    pub(super) fn new(context: Arc<Context>) -> Result<Self> {
        Ok(Staging { small: Ring::new(&context, SMALL)?, large: None, download: None, context })
    }

    pub(super) fn upload(&mut self, to: u64, bytes: &[u8]) -> Result<()> {
        if bytes.len() <= SMALL.1 {
            return self.small.copy(to, bytes);
        }
        if self.large.is_none() {
            self.large = Some(Ring::new(&self.context, LARGE)?);
        }
        let Some(large) = &mut self.large else { return Ok(()) };
        let mut at = to;
        for chunk in bytes.chunks(LARGE.1) {
            large.copy(at, chunk)?;
            at += chunk.len() as u64;
        }
        Ok(())
    }

    pub(super) fn download(&mut self, parts: &mut [(u64, &mut [u8])]) -> Result<()> {
        let total: usize = parts.iter().map(|(_, to)| to.len()).sum();
        let cuda = self.context.enter()?;
        if total > DOWNLOAD {
            for (from, to) in parts.iter_mut() {
                // SAFETY: the bytes are there until the stream is waited for below.
                let code = unsafe { (cuda.cuMemcpyDtoHAsync_v2)(to.as_mut_ptr().cast(), *from, to.len(), self.context.stream) };
                cuda.check("cuMemcpyDtoHAsync", code)?;
            }
            return self.context.synchronize();
        }
        if self.download.is_none() {
            self.download = Some(Pinned::new(Arc::clone(&self.context), DOWNLOAD)?);
        }
        let Some(pinned) = &self.download else { return Ok(()) };
        let mut offset = 0;
        for (from, to) in parts.iter() {
            // SAFETY: all parts together fit, as was looked at above.
            let code =
                unsafe { (cuda.cuMemcpyDtoHAsync_v2)(pinned.start.add(offset).cast(), *from, to.len(), self.context.stream) };
            cuda.check("cuMemcpyDtoHAsync", code)?;
            offset += to.len();
        }
        self.context.synchronize()?;
        let mut offset = 0;
        for (_, to) in parts.iter_mut() {
            // SAFETY: as above; the copies are done.
            unsafe { std::ptr::copy_nonoverlapping(pinned.start.add(offset), to.as_mut_ptr(), to.len()) };
            offset += to.len();
        }
        Ok(())
    }
}
