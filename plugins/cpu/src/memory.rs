//! Memory for elements. Large pieces are cut side by side from chunks that ask for pages of 2 MiB:
//! a weight that is read from its start to its end meets a page's end every 64 lines else, and most
//! weights are smaller than one such page.

use std::ops::{Deref, DerefMut};

use bytemuck::Zeroable;

#[cfg(unix)]
use chunk::Piece;

/// Pieces of fewer bytes come from the allocator, which is quick for them.
#[cfg(unix)]
const SMALL: usize = 16 << 10;

/// Elements in a place of their own.
pub(crate) enum Memory<T> {
    /// Of the allocator.
    Allocated(Vec<T>),
    /// Of a chunk.
    #[cfg(unix)]
    Cut(Piece<T>),
}

impl<T: Zeroable + Clone> Memory<T> {
    /// `len` zeros.
    pub(crate) fn new(len: usize) -> Self {
        #[cfg(unix)]
        if len.saturating_mul(size_of::<T>()) >= SMALL
            && let Some(piece) = Piece::new(len)
        {
            return Memory::Cut(piece);
        }
        Memory::Allocated(vec![T::zeroed(); len])
    }
}

impl<T> Default for Memory<T> {
    /// No elements.
    fn default() -> Self {
        Memory::Allocated(Vec::new())
    }
}

impl<T> Deref for Memory<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Memory::Allocated(elements) => elements,
            #[cfg(unix)]
            Memory::Cut(piece) => piece.elements(),
        }
    }
}

impl<T> DerefMut for Memory<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Memory::Allocated(elements) => elements,
            #[cfg(unix)]
            Memory::Cut(piece) => piece.elements_mut(),
        }
    }
}

#[cfg(unix)]
mod chunk {
    use std::ptr::NonNull;
    use std::sync::Arc;

    use bytemuck::Zeroable;
    use parking_lot::Mutex;
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

    /// The size of a large page, at whose multiples a chunk starts.
    const PAGE: usize = 2 << 20;

    /// The size of a chunk that several pieces share.
    const SHARED: usize = 32 << 20;

    /// Where a piece may start: a line of the cache.
    const ALIGNMENT: usize = 64;

    /// The chunk that the next small pieces are cut from.
    static OPEN: Mutex<Option<Open>> = Mutex::new(None);

    struct Open {
        chunk: Arc<Chunk>,
        used: usize,
    }

    /// Pages of the operating system, given back when the last piece of them is dropped.
    struct Chunk {
        mapping: NonNull<u8>,
        mapped: usize,
        start: NonNull<u8>,
    }

    // SAFETY: a chunk only says where memory is; pieces of it do not overlap.
    unsafe impl Send for Chunk {}
    // SAFETY: as above.
    unsafe impl Sync for Chunk {}

    impl Chunk {
        /// `bytes` zeros, or nothing if the system has no such memory.
        fn new(bytes: usize) -> Option<Self> {
            let mapped = bytes.checked_add(PAGE)?;
            // SAFETY: a new mapping, wherever the system wants it.
            let mapping =
                unsafe { mmap_anonymous(std::ptr::null_mut(), mapped, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
            let mapping = NonNull::new(mapping.ok()?.cast::<u8>())?;
            // SAFETY: `PAGE` more bytes than needed were mapped, and the next start of a page is
            // at most so far away.
            let start = unsafe { mapping.add(mapping.align_offset(PAGE)) };
            #[cfg(target_os = "linux")]
            // SAFETY: the range lies in the mapping, and the advice changes nothing that can be
            // seen. It is refused by kernels without such pages, which does not matter.
            let _ = unsafe {
                let whole = bytes / PAGE * PAGE;
                rustix::mm::madvise(start.as_ptr().cast(), whole, rustix::mm::Advice::LinuxHugepage)
            };
            Some(Chunk { mapping, mapped, start })
        }
    }

    impl Drop for Chunk {
        fn drop(&mut self) {
            // SAFETY: the mapping is this chunk's own, and no piece of it is left.
            let _ = unsafe { munmap(self.mapping.as_ptr().cast(), self.mapped) };
        }
    }

    /// Elements that are part of a chunk.
    pub(crate) struct Piece<T> {
        start: NonNull<T>,
        len: usize,
        _chunk: Arc<Chunk>,
    }

    // SAFETY: a piece owns its elements as a vector does.
    unsafe impl<T: Send> Send for Piece<T> {}
    // SAFETY: as above.
    unsafe impl<T: Sync> Sync for Piece<T> {}

    impl<T: Zeroable> Piece<T> {
        /// `len` zeros, or nothing if the system has no such memory.
        pub(super) fn new(len: usize) -> Option<Self> {
            let bytes = len.checked_mul(size_of::<T>())?.checked_next_multiple_of(ALIGNMENT)?;
            let (chunk, used) = if bytes > SHARED / 2 { (Arc::new(Chunk::new(bytes)?), 0) } else { cut(bytes)? };
            // SAFETY: `used + bytes` is within the chunk.
            let start = unsafe { chunk.start.add(used) }.cast();
            Some(Piece { start, len, _chunk: chunk })
        }
    }

    /// A chunk, and where in it `bytes` are free, and reserved.
    fn cut(bytes: usize) -> Option<(Arc<Chunk>, usize)> {
        let mut open = OPEN.lock();
        if open.as_ref().is_none_or(|open| SHARED - open.used < bytes) {
            *open = Some(Open { chunk: Arc::new(Chunk::new(SHARED)?), used: 0 });
        }
        let open = open.as_mut()?;
        let used = open.used;
        open.used += bytes;
        Some((open.chunk.clone(), used))
    }

    impl<T> Piece<T> {
        pub(super) fn elements(&self) -> &[T] {
            // SAFETY: the piece's own elements, which were zeros, a value of `T`, at first.
            unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
        }

        pub(super) fn elements_mut(&mut self) -> &mut [T] {
            // SAFETY: as above, and they are borrowed for writing as the piece is.
            unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_zero_and_do_not_overlap() {
        let mut pieces: Vec<Memory<u32>> = [1, 5_000, 4_097, 300_000, 6_000_000, 7].map(Memory::new).into();
        assert!(pieces.iter().all(|piece| piece.iter().all(|&element| element == 0)));
        for (at, piece) in pieces.iter_mut().enumerate() {
            piece.fill(at as u32 + 1);
        }
        for (at, piece) in pieces.iter().enumerate() {
            assert!(piece.iter().all(|&element| element == at as u32 + 1), "piece {at}");
        }
    }

    #[test]
    fn a_chunk_outlives_what_is_dropped_of_it() {
        let (first, mut second) = (Memory::<f32>::new(10_000), Memory::<f32>::new(10_000));
        second.fill(2.0);
        drop(first);
        assert!(second.iter().all(|&element| element == 2.0));
    }

    #[test]
    fn more_than_there_is_is_not_cut() {
        #[cfg(unix)]
        assert!(Piece::<f64>::new(usize::MAX / 8).is_none());
    }
}
