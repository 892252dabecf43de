//! Scaled dot-product attention. Queries, keys and values are read where they lie, as `[batch, position, head, size]`.

mod backward;
mod decode;
mod forward;
mod mask;
#[cfg(test)]
mod tests;

pub(crate) use backward::{Saved, backward};
pub(crate) use decode::decode;
pub(crate) use forward::forward;
pub(crate) use mask::Mask;

/// The extents of an attention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) batch: usize,
    /// Query positions.
    pub(crate) queries: usize,
    /// Key positions.
    pub(crate) keys: usize,
    /// Query heads.
    pub(crate) heads: usize,
    /// Key and value heads; a divisor of `heads`.
    pub(crate) groups: usize,
    /// The size of a head.
    pub(crate) size: usize,
}

impl Shape {
    /// Elements between neighbouring positions of the queries.
    fn query_row(&self) -> usize {
        self.heads * self.size
    }

    /// Elements between neighbouring positions of the keys and values.
    fn key_row(&self) -> usize {
        self.groups * self.size
    }

    /// Where the first query of a head stands.
    fn query_at(&self, batch: usize, position: usize, head: usize) -> usize {
        ((batch * self.queries + position) * self.heads + head) * self.size
    }

    /// Where the first key of a head stands.
    fn key_at(&self, batch: usize, position: usize, group: usize) -> usize {
        ((batch * self.keys + position) * self.groups + group) * self.size
    }

    /// Query heads that read the same key head.
    fn repeats(&self) -> usize {
        self.heads / self.groups.max(1)
    }
}

/// An output whose heads are written by different threads.
struct Interleaved<R>(*mut R);

// SAFETY: the pointer comes from a mutable borrow that outlives the threads, and every thread writes elements of its own.
unsafe impl<R: Send> Sync for Interleaved<R> {}
// SAFETY: as above.
unsafe impl<R: Send> Send for Interleaved<R> {}

impl<R> Interleaved<R> {
    fn new(elements: &mut [R]) -> Self {
        Interleaved(elements.as_mut_ptr())
    }

    /// The row of `size` elements at `offset`.
    ///
    /// # Safety
    /// The row must lie within the output, and nobody else may access it meanwhile.
    #[allow(clippy::mut_from_ref, reason = "rows of different offsets do not overlap; the caller promises that")]
    unsafe fn row(&self, offset: usize, size: usize) -> &mut [R] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(offset), size) }
    }

    fn at(&self, offset: usize) -> *mut R {
        self.0.wrapping_add(offset)
    }
}
