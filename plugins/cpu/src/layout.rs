//! Walking over strided and broadcast operands.

use scaledown_sdk::Shape;

use crate::parallel;

/// A walk over an index space in row-major order with the offsets of `N` operands, as rows along
/// the innermost dimension.
pub(crate) struct Walk<const N: usize> {
    outer: Vec<usize>,
    outer_strides: Vec<[usize; N]>,
    /// The length of a row.
    pub(crate) inner: usize,
    /// The strides within a row.
    pub(crate) inner_strides: [usize; N],
}

impl<const N: usize> Walk<N> {
    /// A walk over `dims`, with neighbouring dimensions merged where every operand allows it.
    pub(crate) fn new(dims: &[usize], strides: [&[usize]; N]) -> Self {
        let mut merged: Vec<(usize, [usize; N])> = Vec::with_capacity(dims.len());
        for (i, &extent) in dims.iter().enumerate() {
            if extent == 1 {
                continue;
            }
            let step: [usize; N] = std::array::from_fn(|operand| strides[operand][i]);
            match merged.last_mut() {
                Some((outer, outer_step)) if (0..N).all(|n| outer_step[n] == step[n] * extent) => {
                    *outer *= extent;
                    *outer_step = step;
                }
                _ => merged.push((extent, step)),
            }
        }
        let (inner, inner_strides) = merged.pop().unwrap_or((1, [0; N]));
        let (outer, outer_strides) = merged.into_iter().unzip();
        Walk { outer, outer_strides, inner, inner_strides }
    }

    /// Calls `f` with the number of the row and the operands' offsets for each of `rows`.
    pub(crate) fn rows(&self, rows: std::ops::Range<usize>, mut f: impl FnMut(usize, [usize; N])) {
        let mut index = vec![0; self.outer.len()];
        let mut offsets = [0; N];
        let mut rest = rows.start;
        for i in (0..self.outer.len()).rev() {
            index[i] = rest % self.outer[i];
            rest /= self.outer[i];
            for (offset, stride) in offsets.iter_mut().zip(self.outer_strides[i]) {
                *offset += index[i] * stride;
            }
        }
        for row in rows {
            f(row, offsets);
            self.advance(&mut index, &mut offsets);
        }
    }

    fn advance(&self, index: &mut [usize], offsets: &mut [usize; N]) {
        for i in (0..index.len()).rev() {
            index[i] += 1;
            let wraps = index[i] == self.outer[i];
            for (offset, stride) in offsets.iter_mut().zip(self.outer_strides[i]) {
                *offset = if wraps { *offset - (index[i] - 1) * stride } else { *offset + stride };
            }
            if !wraps {
                return;
            }
            index[i] = 0;
        }
    }

    /// Fills `out`, contiguous over the index space, row by row in parallel.
    pub(crate) fn fill<T: Send>(&self, out: &mut [T], f: impl Fn(&mut [T], [usize; N]) + Sync) {
        let rows_per_piece = parallel::rows_per_piece(self.inner);
        parallel::chunks(out, rows_per_piece * self.inner, |piece, out| {
            let first = piece * rows_per_piece;
            let rows = out.len() / self.inner.max(1);
            let mut out = out.chunks_exact_mut(self.inner.max(1));
            self.rows(first..first + rows, |_, offsets| {
                if let Some(row) = out.next() {
                    f(row, offsets);
                }
            });
        });
    }
}

/// The strides with which a contiguous tensor of shape `from` is read as one of shape `to`: 0 where
/// it is repeated.
pub(crate) fn broadcast_strides(from: &Shape, to: &Shape) -> Vec<usize> {
    let missing = to.rank() - from.rank();
    let own = from.strides();
    (0..to.rank()).map(|i| if i < missing || from.dims()[i - missing] == 1 { 0 } else { own[i - missing] }).collect()
}

/// Copies elements with the given strides (and offset) into `out`, contiguous of extents `dims`.
pub(crate) fn copy_strided<T: Copy + Send + Sync>(source: &[T], offset: usize, dims: &[usize], strides: &[usize], out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    let walk = Walk::new(dims, [strides]);
    let [step] = walk.inner_strides;
    walk.fill(out, |row, [start]| {
        let source = &source[offset + start..];
        match step {
            0 => row.fill(source[0]),
            1 => row.copy_from_slice(&source[..row.len()]),
            _ => row.iter_mut().zip(source.iter().step_by(step)).for_each(|(to, from)| *to = *from),
        }
    });
}

/// Writes `update` over the elements of `base` (of extents `dims`) that start at `start` in
/// dimension `dim`.
pub(crate) fn write_slice<T: Copy>(base: &mut [T], dims: &[usize], update: &[T], dim: usize, start: usize, len: usize) {
    let inner: usize = dims[dim + 1..].iter().product();
    let (block, written) = (dims[dim] * inner, len * inner);
    if written == 0 {
        return;
    }
    for (base, update) in base.chunks_exact_mut(block).zip(update.chunks_exact(written)) {
        base[start * inner..start * inner + written].copy_from_slice(update);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_dimensions_merge() {
        let walk = Walk::new(&[2, 3, 4], [&[12, 4, 1], &[0, 4, 1]]);
        assert_eq!((walk.inner, walk.outer.as_slice()), (12, &[2][..]));
    }

    proptest::proptest! {
        #[test]
        fn strided_copies_read_every_element(dims in proptest::collection::vec(0usize..5, 1..5), seed in 0usize..24) {
            let rank = dims.len();
            let mut order: Vec<usize> = (0..rank).collect();
            order.rotate_left(seed % rank);
            if seed % 2 == 1 {
                order.reverse();
            }
            let shape = Shape::from(dims.clone());
            let source: Vec<u32> = (0..shape.count() as u32).collect();
            let out_dims: Vec<usize> = order.iter().map(|&i| dims[i]).collect();
            let strides: Vec<usize> = order.iter().map(|&i| shape.strides()[i]).collect();
            let mut out = vec![0; source.len()];
            copy_strided(&source, 0, &out_dims, &strides, &mut out);
            let out_strides = Shape::from(out_dims.clone()).strides();
            for (i, &value) in out.iter().enumerate() {
                let index = |d: usize| i / out_strides[d] % out_dims[d];
                let expected: usize = (0..rank).map(|d| index(d) * strides[d]).sum();
                proptest::prop_assert_eq!(value as usize, expected);
            }
        }
    }
}
