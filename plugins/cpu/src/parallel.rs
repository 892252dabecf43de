//! Work split over threads in pieces whose size depends on the data alone, so that results do not depend on the number of threads.

use std::cell::Cell;

use rayon::prelude::*;

/// Elements that one piece of an element-wise kernel covers: enough to hide the cost of handing it to a thread.
pub(crate) const GRAIN: usize = 16 * 1024;

thread_local! {
    static SERIAL: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` with every split below staying on this thread: small work is done before another thread wakes up.
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

/// Calls `f(i, piece)` for every piece of `len` elements of `out`, the last of which may be shorter.
pub(crate) fn chunks<T: Send>(out: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let len = len.max(1);
    if is_serial() || out.len() <= len {
        out.chunks_mut(len).enumerate().for_each(|(i, piece)| f(i, piece));
    } else {
        out.par_chunks_mut(len).enumerate().for_each(|(i, piece)| f(i, piece));
    }
}

/// As [`chunks`] for two outputs, cut into pieces of their own lengths; both must have as many pieces.
pub(crate) fn chunks2<T: Send, U: Send>(
    (a, a_len): (&mut [T], usize),
    (b, b_len): (&mut [U], usize),
    f: impl Fn(usize, &mut [T], &mut [U]) + Sync,
) {
    let (a_len, b_len) = (a_len.max(1), b_len.max(1));
    if is_serial() || a.len() <= a_len {
        a.chunks_mut(a_len).zip(b.chunks_mut(b_len)).enumerate().for_each(|(i, (a, b))| f(i, a, b));
    } else {
        a.par_chunks_mut(a_len).zip(b.par_chunks_mut(b_len)).enumerate().for_each(|(i, (a, b))| f(i, a, b));
    }
}

/// As [`chunks2`] for three outputs.
pub(crate) fn chunks3<T: Send, U: Send, V: Send>(
    (a, a_len): (&mut [T], usize),
    (b, b_len): (&mut [U], usize),
    (c, c_len): (&mut [V], usize),
    f: impl Fn(usize, &mut [T], &mut [U], &mut [V]) + Sync,
) {
    let (a_len, b_len, c_len) = (a_len.max(1), b_len.max(1), c_len.max(1));
    if is_serial() || a.len() <= a_len {
        let pieces = a.chunks_mut(a_len).zip(b.chunks_mut(b_len)).zip(c.chunks_mut(c_len));
        pieces.enumerate().for_each(|(i, ((a, b), c))| f(i, a, b, c));
    } else {
        let pieces = a.par_chunks_mut(a_len).zip(b.par_chunks_mut(b_len)).zip(c.par_chunks_mut(c_len));
        pieces.enumerate().for_each(|(i, ((a, b), c))| f(i, a, b, c));
    }
}

/// `f(0), f(1), ...` up to `count`.
pub(crate) fn map<R: Send>(count: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    if is_serial() || count <= 1 { (0..count).map(f).collect() } else { (0..count).into_par_iter().map(f).collect() }
}

/// Calls `f(0), f(1), ...` up to `count`.
pub(crate) fn for_each(count: usize, f: impl Fn(usize) + Sync + Send) {
    if is_serial() || count <= 1 { (0..count).for_each(f) } else { (0..count).into_par_iter().for_each(f) }
}
