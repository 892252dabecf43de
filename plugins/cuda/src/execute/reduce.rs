//! Reductions.

use scaledown_sdk::DType;
use scaledown_sdk::tensor::{ReduceOp, Value};

use super::strided::Walk;
use super::{Call, THREADS, arguments, blocks, chunks, float, u};
use crate::error::Result;
use crate::kernels::kernel;
use crate::memory::Buffer;

/// Rows of fewer elements are a warp's, of which a block has [`WARPS`].
const SHORT: usize = 1024;
const WARPS: usize = THREADS / 32;

/// The dimensions of a reduction as one product: what is kept around what goes.
#[derive(Debug, PartialEq)]
enum Pattern {
    /// `[rows, n]`, of which `n` goes.
    Rows { rows: usize, n: usize },
    /// `[outer, rows, inner]`, of which `rows` goes.
    Columns { outer: usize, rows: usize, inner: usize },
    /// Anything else.
    Mixed,
}

impl Pattern {
    fn of(extents: &[usize], dims: &[usize]) -> Self {
        // Neighbours of one kind are joined.
        let mut runs: Vec<(bool, usize)> = Vec::new();
        for (dim, &extent) in extents.iter().enumerate().filter(|(_, extent)| **extent != 1) {
            let goes = dims.contains(&dim);
            match runs.last_mut() {
                Some((kind, run)) if *kind == goes => *run *= extent,
                _ => runs.push((goes, extent)),
            }
        }
        match runs[..] {
            [] => Pattern::Rows { rows: 1, n: 1 },
            [(false, rows)] => Pattern::Rows { rows, n: 1 },
            [(true, n)] => Pattern::Rows { rows: 1, n },
            [(false, rows), (true, n)] => Pattern::Rows { rows, n },
            [(true, rows), (false, inner)] => Pattern::Columns { outer: 1, rows, inner },
            [(false, outer), (true, rows), (false, inner)] => Pattern::Columns { outer, rows, inner },
            _ => Pattern::Mixed,
        }
    }
}

impl Call<'_> {
    pub(super) fn reduce(&self, inputs: &[Value], op: ReduceOp, dims: &[usize]) -> Result<Buffer> {
        let (x, spec) = (self.input(inputs, 0)?, self.output(0)?);
        let (from, y, kind) = (self.address(x)?, self.make(spec)?, op as i32);
        let name = float(spec.dtype)?;
        let extents = x.spec.shape.dims();
        match Pattern::of(extents, dims) {
            Pattern::Rows { rows, n } if n < SHORT => {
                let arguments = arguments![from, y.address(), u(rows), u(n), kind];
                self.launch(kernel!(Reduce, "reduce_short_{name}"), rows.div_ceil(WARPS), arguments)?;
            }
            Pattern::Rows { rows, n } => {
                self.launch(kernel!(Reduce, "reduce_long_{name}"), rows, arguments![from, y.address(), u(n), kind])?;
            }
            Pattern::Columns { outer, rows, inner } => {
                let (chunk, chunks) = chunks(rows);
                let columns = outer * inner;
                let partial = self.scratch(chunks * columns)?;
                let arguments = arguments![from, partial.address(), u(outer), u(rows), u(inner), u(chunk), kind];
                let grid = [blocks(columns, 1), chunks, 1];
                self.launch_grid(kernel!(Reduce, "reduce_columns_{name}"), grid, (THREADS, 0), arguments)?;
                self.join_chunks(spec.dtype, &partial, y.address(), (chunks, columns), (rows, op))?;
            }
            Pattern::Mixed => {
                let strides = x.spec.shape.strides();
                let walk = |goes: bool| {
                    let chosen: Vec<usize> = (0..extents.len()).filter(|dim| dims.contains(dim) == goes).collect();
                    let of = |all: &[usize]| chosen.iter().map(|&dim| all[dim]).collect::<Vec<_>>();
                    Walk::new(&of(extents), [&of(&strides)]).layout()
                };
                let (kept, reduced) = (walk(false)?, walk(true)?);
                let arguments = arguments![from, y.address(), &kept, &reduced, kind];
                self.launch(kernel!(Reduce, "reduce_strided_{name}"), (kept.count as usize).div_ceil(WARPS), arguments)?;
            }
        }
        Ok(y)
    }

    /// Puts together what chunks of rows gave, `partial [chunks, count]`, of `n` elements each.
    pub(super) fn join_chunks(
        &self,
        dtype: DType,
        partial: &Buffer,
        to: u64,
        (chunks, count): (usize, usize),
        (n, op): (usize, ReduceOp),
    ) -> Result<()> {
        let name = kernel!(Reduce, "reduce_chunks_{}", float(dtype)?);
        self.launch(name, blocks(count, 1), arguments![partial.address(), to, u(chunks), u(count), u(n), op as i32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_joined_by_what_becomes_of_them() {
        assert_eq!(Pattern::of(&[2, 3, 1, 4], &[1, 3]), Pattern::Rows { rows: 2, n: 12 });
        assert_eq!(Pattern::of(&[2, 3, 4], &[0]), Pattern::Columns { outer: 1, rows: 2, inner: 12 });
        assert_eq!(Pattern::of(&[2, 3, 4], &[1]), Pattern::Columns { outer: 2, rows: 3, inner: 4 });
        assert_eq!(Pattern::of(&[2, 3, 4], &[0, 2]), Pattern::Mixed);
        assert_eq!(Pattern::of(&[1], &[0]), Pattern::Rows { rows: 1, n: 1 });
        assert_eq!(Pattern::of(&[3, 0], &[1]), Pattern::Rows { rows: 3, n: 0 });
    }
}
