//! Rows of a table by number: embeddings and their gradient.

use multiversion::multiversion;

use crate::math::{Float, Real};
use crate::parallel;
use crate::storage::{Scalar, Scratch};

/// Copies row `ids[i]` of `table` to row `i` of `out`. The ids have been checked.
pub(crate) fn embedding<T: Scalar>(table: &[T], width: usize, ids: &[usize], out: &mut [T]) {
    let rows = parallel::rows_per_piece(width);
    parallel::chunks(out, rows * width, |piece, out| {
        for (id, out) in ids[piece * rows..].iter().zip(out.chunks_exact_mut(width)) {
            out.copy_from_slice(&table[id * width..(id + 1) * width]);
        }
    });
}

/// Row `r` of `out` is the sum of the rows of `grad` whose id is `r`, in order.
pub(crate) fn embedding_backward<T: Float>(grad: &[T], width: usize, ids: &[usize], out: &mut [T])
where
    T::Compute: Scalar,
{
    #[multiversion(targets = "simd")]
    fn add<T: Float>(sum: &mut [T::Compute], row: &[T]) {
        for (sum, x) in sum.iter_mut().zip(row) {
            *sum += x.load();
        }
    }
    // The positions by id, each id's in order: a piece of the table finds its own without reading
    // all ids.
    let mut order: Vec<(usize, usize)> = ids.iter().copied().enumerate().map(|(position, id)| (id, position)).collect();
    order.sort_unstable();
    let rows = parallel::rows_per_piece(width);
    parallel::chunks(out, rows * width, |piece, out| {
        out.fill(T::default());
        let first = piece * rows;
        let start = order.partition_point(|&(id, _)| id < first);
        let mut rest = &order[start..];
        let mut sum = Scratch::<T::Compute>::new(width);
        while let Some(&(id, _)) = rest.first().filter(|(id, _)| (id - first) * width < out.len()) {
            let same = rest.partition_point(|&(other, _)| other == id);
            sum.fill(T::Compute::ZERO);
            for &(_, position) in &rest[..same] {
                add(&mut sum, &grad[position * width..(position + 1) * width]);
            }
            for (out, sum) in out[(id - first) * width..].iter_mut().zip(sum.iter()) {
                *out = T::store(*sum);
            }
            rest = &rest[same..];
        }
    });
}
