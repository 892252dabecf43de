//! Matrix products and tables of rows.

use scaledown_sdk::{DType, Op};

use super::{Case, Input};

/// Extents of a product: rows, inner, columns.
type Extents = [usize; 3];

/// A product of batches of matrices, stored transposed where asked.
#[must_use]
pub fn matmul(a_batch: &[usize], b_batch: &[usize], [m, k, n]: Extents, transpose_a: bool, transpose_b: bool) -> Case {
    let a = [a_batch, &if transpose_a { [k, m] } else { [m, k] }].concat();
    let b = [b_batch, &if transpose_b { [n, k] } else { [k, n] }].concat();
    Case::new(Op::MatMul { transpose_a, transpose_b }, vec![Input::float(a, 50), Input::float(b, 51)])
}

/// A linear map of `[.., i]` to `[.., o]`.
#[must_use]
pub fn linear(rows: &[usize], i: usize, o: usize, bias: bool) -> Case {
    let mut inputs = vec![Input::float([rows, &[i]].concat(), 52), Input::float([o, i], 53)];
    inputs.extend(bias.then(|| Input::float([o], 54)));
    Case::new(Op::Linear, inputs)
}

/// Rows of a table.
#[must_use]
pub fn embedding(ids: &[usize], rows: usize, d: usize, dtype: DType) -> Case {
    Case::new(Op::Embedding, vec![Input::float([rows, d], 55), Input::integers(ids, 56, 0, rows as i64, dtype)])
}

fn embedding_backward(ids: &[usize], rows: usize, d: usize) -> Case {
    let inputs = vec![Input::float([ids, &[d]].concat(), 57), Input::integers(ids, 58, 0, rows as i64, DType::I64)];
    Case::new(Op::EmbeddingBackward { rows }, inputs)
}

/// A low-rank adapter of rank `r` on a linear map of `[.., i]` to `[.., o]`.
#[must_use]
pub fn adapter(rows: &[usize], [i, r, o]: [usize; 3], p: f64) -> Case {
    let at = |shape: &[usize], seed| Input::float(shape, seed);
    let (y, x) = (at(&[rows, &[o]].concat(), 59), at(&[rows, &[i]].concat(), 45));
    Case::new(Op::Adapter { scale: 0.75, p, seed: 5 }, vec![y, x, at(&[r, i], 46), at(&[o, r], 47)])
}

fn adapter_backward(rows: &[usize], extents: [usize; 3], p: f64, [input, down, up]: [bool; 3]) -> Case {
    let [_, r, o] = extents;
    let forward = adapter(rows, extents, p).inputs;
    let mut inputs = forward[1..].to_vec();
    inputs.extend([Input::float([rows, &[r]].concat(), 48), Input::float([rows, &[o]].concat(), 49)]);
    Case::new(Op::AdapterBackward { scale: 0.75, p, input, down, up, seed: 5 }, inputs)
}

pub(super) fn forward() -> Vec<Case> {
    let mut cases = gradients();
    for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
        cases.push(matmul(&[], &[], [65, 33, 47], transpose_a, transpose_b));
        cases.push(matmul(&[3, 1], &[5], [17, 9, 1], transpose_a, transpose_b));
        cases.push(matmul(&[], &[4], [1, 20, 33], transpose_a, transpose_b));
    }
    for (rows, extents, p) in [
        (&[4, 17][..], [33, 8, 65], 0.3),
        (&[70], [130, 16, 40], 0.0),
        (&[2], [3, 1, 2], 0.5),
        (&[0], [3, 2, 2], 0.1),
        (&[3], [4, 2, 0], 0.2), // no outputs
        (&[3], [4, 0, 2], 0.0), // no rank
        (&[3], [0, 2, 5], 0.0), // no inputs
    ] {
        cases.push(adapter(rows, extents, p));
        for wanted in [[true, true, true], [true, false, false], [false, true, false], [false, false, true]] {
            cases.push(adapter_backward(rows, extents, p, wanted));
        }
    }
    cases.extend([linear(&[4, 17], 33, 65, true), linear(&[1], 130, 70, false), linear(&[0, 3], 4, 5, true)]);
    cases.extend([embedding(&[4, 17], 50, 33, DType::U32), embedding(&[0], 3, 2, DType::I64)]);
    cases.extend([embedding_backward(&[4, 17], 9, 33), embedding_backward(&[0], 3, 2), embedding_backward(&[5], 1, 1)]);
    cases
}

pub(super) fn gradients() -> Vec<Case> {
    let mut cases = Vec::new();
    for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
        cases.push(matmul(&[], &[], [2, 3, 4], transpose_a, transpose_b));
        cases.push(matmul(&[2], &[2], [2, 1, 2], transpose_a, transpose_b));
        cases.push(matmul(&[2, 1], &[3], [1, 2, 2], transpose_a, transpose_b));
        cases.push(matmul(&[2, 2], &[], [2, 3, 2], transpose_a, transpose_b));
        cases.push(matmul(&[], &[3], [2, 2, 1], transpose_a, transpose_b));
        cases.push(matmul(&[0], &[], [2, 2, 2], transpose_a, transpose_b));
        cases.push(matmul(&[2], &[2], [2, 0, 3], transpose_a, transpose_b));
    }
    cases.extend([linear(&[2, 3], 4, 2, true), linear(&[], 3, 2, false), linear(&[1], 1, 1, true), linear(&[0], 2, 3, true)]);
    cases.extend([adapter(&[2, 3], [4, 2, 3], 0.4), adapter(&[3], [2, 1, 2], 0.0), adapter(&[0], [2, 1, 2], 0.2)]);
    cases.extend([embedding(&[2, 3], 4, 2, DType::I64), embedding(&[0], 4, 2, DType::I64), embedding(&[], 2, 3, DType::U32)]);
    cases
}
