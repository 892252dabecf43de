//! Work split over threads in pieces whose size depends on the data alone, so that results do not
//! depend on the number of threads.

use std::cell::Cell;
use std::ptr;

use rayon::prelude::*;

use crate::team::Team;

/// Elements that one piece of an element-wise kernel covers: enough to hide the cost of handing it
/// to a thread.
pub(crate) const GRAIN: usize = 16 * 1024;

thread_local! {
    static SERIAL: Cell<bool> = const { Cell::new(false) };
    /// The team that this thread leads; null if it leads none.
    static TEAM: Cell<*const Team> = const { Cell::new(ptr::null()) };
}

/// Runs `f` with every split below given to `team`. Nothing in it may call the GEMM, which has
/// threads of its own.
pub(crate) fn with_team<R>(team: &Team, f: impl FnOnce() -> R) -> R {
    struct Restore(*const Team);
    impl Drop for Restore {
        fn drop(&mut self) {
            TEAM.set(self.0);
        }
    }
    let _restore = Restore(TEAM.replace(team));
    f()
}

/// Calls `f` for each index below `count` on whatever threads this one may use.
fn split(count: usize, f: impl Fn(usize) + Sync + Send) {
    if is_serial() || count <= 1 {
        return (0..count).for_each(f);
    }
    // SAFETY: the team outlives the call of `with_team` that set it, and this thread is in it.
    match unsafe { TEAM.get().as_ref() } {
        Some(team) => team.for_each(count, &f),
        None => (0..count).into_par_iter().for_each(f),
    }
}

/// A slice cut into pieces that threads take by their index.
struct Pieces<T> {
    start: *mut T,
    total: usize,
    len: usize,
}

// SAFETY: no piece is given out twice at a time, so that this is as sending the pieces themselves.
unsafe impl<T: Send> Sync for Pieces<T> {}

impl<T> Pieces<T> {
    fn new(slice: &mut [T], len: usize) -> Self {
        Pieces { start: slice.as_mut_ptr(), total: slice.len(), len: len.max(1) }
    }

    fn count(&self) -> usize {
        self.total.div_ceil(self.len)
    }

    /// Piece `index`.
    ///
    /// # Safety
    /// The slice must still be borrowed, and no other reference to this piece may exist.
    #[allow(clippy::mut_from_ref, reason = "the pieces do not overlap")]
    unsafe fn get(&self, index: usize) -> &mut [T] {
        let start = (index * self.len).min(self.total);
        // SAFETY: within the slice.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), self.len.min(self.total - start)) }
    }
}

/// Runs `f` with every split below staying on this thread: small work is done before another thread
/// wakes up.
pub(crate) fn serial<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            SERIAL.set(self.0);
        }
    }
    let _restore = Restore(SERIAL.replace(true));
    f()
}

/// Whether work stays on this thread.
pub(crate) fn is_serial() -> bool {
    SERIAL.get()
}

/// Rows of `width` elements that make up a piece.
pub(crate) fn rows_per_piece(width: usize) -> usize {
    (GRAIN / width.max(1)).max(1)
}

/// Calls `f(i, piece)` for every piece of `len` elements of `out`, the last of which may be
/// shorter.
pub(crate) fn chunks<T: Send>(out: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync + Send) {
    let out = Pieces::new(out, len);
    // SAFETY: each index is given out once, and the slice is borrowed until all are done. So below.
    split(out.count(), |i| f(i, unsafe { out.get(i) }));
}

/// As [`chunks`] for two outputs, cut into pieces of their own lengths; both must have as many
/// pieces.
pub(crate) fn chunks2<T: Send, U: Send>(
    (a, a_len): (&mut [T], usize),
    (b, b_len): (&mut [U], usize),
    f: impl Fn(usize, &mut [T], &mut [U]) + Sync + Send,
) {
    let (a, b) = (Pieces::new(a, a_len), Pieces::new(b, b_len));
    // SAFETY: as above.
    split(a.count().min(b.count()), |i| unsafe { f(i, a.get(i), b.get(i)) });
}

/// As [`chunks2`] for three outputs.
pub(crate) fn chunks3<T: Send, U: Send, V: Send>(
    (a, a_len): (&mut [T], usize),
    (b, b_len): (&mut [U], usize),
    (c, c_len): (&mut [V], usize),
    f: impl Fn(usize, &mut [T], &mut [U], &mut [V]) + Sync + Send,
) {
    let (a, b, c) = (Pieces::new(a, a_len), Pieces::new(b, b_len), Pieces::new(c, c_len));
    // SAFETY: as above.
    split(a.count().min(b.count()).min(c.count()), |i| unsafe { f(i, a.get(i), b.get(i), c.get(i)) });
}

/// `f(0), f(1), ...` up to `count`.
pub(crate) fn map<R: Send + Default>(count: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    let mut results: Vec<R> = (0..count).map(|_| R::default()).collect();
    chunks(&mut results, 1, |i, result| result[0] = f(i));
    results
}

/// Calls `f(0), f(1), ...` up to `count`.
pub(crate) fn for_each(count: usize, f: impl Fn(usize) + Sync + Send) {
    split(count, f);
}

/// An output of which different threads write interleaved parts.
pub(crate) struct Interleaved<R>(*mut R);

// SAFETY: the pointer comes from a mutable borrow that outlives the threads, and every thread
// writes elements of its own.
unsafe impl<R: Send> Sync for Interleaved<R> {}
// SAFETY: as above.
unsafe impl<R: Send> Send for Interleaved<R> {}

impl<R> Interleaved<R> {
    pub(crate) fn new(elements: &mut [R]) -> Self {
        Interleaved(elements.as_mut_ptr())
    }

    /// The row of `size` elements at `offset`.
    ///
    /// # Safety
    /// The row must lie within the output, and not be accessed by anything else meanwhile.
    #[allow(clippy::mut_from_ref, reason = "rows of different offsets do not overlap; the caller promises that")]
    pub(crate) unsafe fn row(&self, offset: usize, size: usize) -> &mut [R] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(offset), size) }
    }

    pub(crate) fn at(&self, offset: usize) -> *mut R {
        self.0.wrapping_add(offset)
    }
}
