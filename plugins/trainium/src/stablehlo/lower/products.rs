//! Matrix products and tables of rows.

use super::Lowering;
use crate::stablehlo::{ElementType, Id};

/// `[.., m, k] x [.., k, n]`, each stored transposed where its flag says so. Sums are in the
/// accumulator type.
pub(super) fn matmul(at: &mut Lowering, (x, transpose_x): (Id, bool), (y, transpose_y): (Id, bool), dims: &[usize]) -> Id {
    let b = &mut at.builder;
    let own = b.element(x);
    if b.ty(x).count() == 0 || b.ty(y).count() == 0 {
        return b.filled(own, 0.0, dims);
    }
    let batch = dims.len() - 2;
    let mut spread = |x: Id| {
        let extents = b.dims(x);
        let matrix = &extents[extents.len() - 2..];
        b.broadcast(x, &[&dims[..batch], matrix].concat())
    };
    let (x, y) = (spread(x), spread(y));
    let contracted = (batch + usize::from(!transpose_x), batch + usize::from(transpose_y));
    let product = b.dot(x, y, contracted, dims);
    b.convert(product, own)
}

pub(super) fn embedding(at: &mut Lowering, table: Id, ids: Id, known: bool, dims: &[usize]) -> Id {
    let rows = at.builder.dims(table).first().copied().unwrap_or(0);
    let ids = at.row_ids(ids, rows, known);
    let found = at.builder.gather_rows(table, ids);
    at.builder.reshape(found, dims)
}

/// Rows are added up in the accumulator type.
pub(super) fn embedding_backward(at: &mut Lowering, grad: Id, ids: Id, known: bool, rows: usize) -> Id {
    let own = at.builder.element(grad);
    let wide = at.builder.wide(grad);
    let (count, width) = (at.builder.ty(ids).count(), at.builder.dims(grad).last().copied().unwrap_or(1));
    if count == 0 {
        return at.builder.filled(own, 0.0, &[rows, width]);
    }
    let ids = at.row_ids(ids, rows, known);
    let grad = at.builder.reshape(wide, &[count, width]);
    let element: ElementType = at.builder.element(grad);
    let zeros = at.builder.filled(element, 0.0, &[rows, width]);
    let sums = at.builder.scatter_rows(zeros, ids, grad);
    at.builder.convert(sums, own)
}
