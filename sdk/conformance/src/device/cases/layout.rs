//! Creation, layout, conversions and reductions.

use scaledown_sdk::tensor::ReduceOp;
use scaledown_sdk::{DType, Op};

use super::{Case, CaseKind, Input};

/// A permutation of the dimensions.
#[must_use]
pub fn permute(shape: &[usize], dims: &[usize]) -> Case {
    Case::new(Op::Permute { dims: dims.to_vec() }, vec![Input::float(shape, 1)])
}

/// A range of one dimension.
#[must_use]
pub fn slice(shape: &[usize], dim: usize, start: usize, len: usize) -> Case {
    Case::new(Op::Slice { dim, start, len }, vec![Input::float(shape, 2)])
}

/// The parts of a tensor.
#[must_use]
pub fn split(shape: &[usize], dim: usize, sizes: &[usize]) -> Case {
    Case::new(Op::Split { dim, sizes: sizes.to_vec() }, vec![Input::float(shape, 19)])
}

/// A range of one dimension, written.
#[must_use]
pub fn write_slice(shape: &[usize], dim: usize, start: usize, len: usize) -> Case {
    let mut update = shape.to_vec();
    update[dim] = len;
    Case::new(Op::WriteSlice { dim, start }, vec![Input::float(shape, 3), Input::float(update, 4)])
}

/// Tensors of the given extents joined in `dim`.
#[must_use]
pub fn concat(shape: &[usize], dim: usize, extents: &[usize]) -> Case {
    let part = |(seed, &extent): (u64, &usize)| {
        let mut shape = shape.to_vec();
        shape[dim] = extent;
        Input::float(shape, seed)
    };
    Case::new(Op::Concat { dim }, (5..).zip(extents).map(part).collect())
}

/// A reduction.
#[must_use]
pub fn reduce(op: ReduceOp, shape: &[usize], dims: &[usize], keep: bool) -> Case {
    Case::new(Op::Reduce { op, dims: dims.to_vec(), keep }, vec![Input::float(shape, 6)])
}

/// The greatest elements of rows.
#[must_use]
pub fn top_k(shape: &[usize], k: usize) -> Case {
    Case::new(Op::TopK { k }, vec![Input::float(shape, 80)])
}

/// A tensor repeated along new dimensions and those of one index.
#[must_use]
pub fn broadcast(from: &[usize], to: &[usize]) -> Case {
    Case::new(Op::Broadcast { shape: to.into() }, vec![Input::float(from, 7)])
}

/// The same elements in another shape.
#[must_use]
pub fn reshape(from: &[usize], to: &[usize]) -> Case {
    Case::new(Op::Reshape { shape: to.into() }, vec![Input::float(from, 8)])
}

/// A conversion of floating-point numbers.
#[must_use]
pub fn cast(dtype: DType, shape: &[usize]) -> Case {
    Case::new(Op::Cast { dtype }, vec![Input::within(shape, 14, -90.0, 90.0)])
}

pub(super) fn forward() -> Vec<Case> {
    let mut cases = gradients();
    cases.extend([
        Case::new(Op::Fill { shape: [2, 3].into(), dtype: DType::F32, value: 0.1 }, vec![]),
        Case::new(Op::Fill { shape: [5].into(), dtype: DType::BF16, value: f64::NEG_INFINITY }, vec![]),
        Case::new(Op::Fill { shape: [5].into(), dtype: DType::I64, value: -3.0 }, vec![]),
        Case::new(Op::Fill { shape: [0, 4].into(), dtype: DType::F64, value: 1.0 }, vec![]),
        Case::new(Op::Fill { shape: [].into(), dtype: DType::Bool, value: 1.0 }, vec![]),
        Case::new(Op::Arange { start: -5, len: 19 }, vec![]),
        Case::new(Op::Uniform { shape: [70, 129].into(), seed: 42 }, vec![]),
        Case::new(Op::Uniform { shape: [3, 50, 7].into(), seed: 43 }, vec![]),
        permute(&[17, 33, 5, 9], &[2, 0, 3, 1]),
        permute(&[65, 129], &[1, 0]),
        split(&[65, 130], 1, &[1, 64, 65]),
        split(&[33, 5], 0, &[20, 13]),
        broadcast(&[65, 1, 33], &[7, 65, 5, 33]),
        reduce(ReduceOp::Sum, &[70, 300], &[0], false),
        reduce(ReduceOp::Sum, &[70, 300], &[1], false),
        reduce(ReduceOp::Mean, &[7, 33, 65], &[1], true),
        reduce(ReduceOp::Max, &[7, 33, 65], &[0, 2], false),
        Case::new(Op::ArgMax, vec![Input::float([33, 65], 9)]),
        // Many ties, of which the first counts.
        Case::new(Op::ArgMax, vec![Input::integers([9, 40], 10, 0, 3, DType::I64).of(CaseKind::Float)]),
        Case::new(Op::ArgMax, vec![Input::float([0, 4], 11)]),
        top_k(&[33, 65], 7),
        top_k(&[2, 3000], 1000),
        Case::new(Op::TopK { k: 9 }, vec![Input::integers([9, 40], 10, 0, 3, DType::I64).of(CaseKind::Float)]),
        Case::new(Op::Permute { dims: vec![1, 0] }, vec![Input::integers([5, 7], 12, -9, 9, DType::I64)]),
        Case::new(Op::Slice { dim: 0, start: 1, len: 3 }, vec![Input::integers([5, 7], 12, 0, 9, DType::U32)]),
        Case::new(Op::Broadcast { shape: [3, 7].into() }, vec![Input::integers([7], 13, 0, 2, DType::Bool)]),
    ]);
    for dtype in [DType::F64, DType::F32, DType::BF16, DType::F16, DType::I64, DType::Bool] {
        cases.push(cast(dtype, &[3, 67]));
        cases.push(Case::new(Op::Cast { dtype }, vec![Input::integers([3, 67], 15, 0, 40, DType::U32)]));
        cases.push(Case::new(Op::Cast { dtype }, vec![Input::integers([67], 16, 0, 2, DType::Bool)]));
    }
    cases.push(Case::new(Op::Cast { dtype: DType::U32 }, vec![Input::within([67], 17, 0.0, 90.0)]));
    cases
}

pub(super) fn gradients() -> Vec<Case> {
    let mut cases = vec![
        reshape(&[2, 6], &[3, 1, 4]),
        reshape(&[1], &[]),
        permute(&[2, 3, 4], &[2, 0, 1]),
        permute(&[1, 5], &[1, 0]),
        permute(&[2, 0, 4], &[1, 2, 0]),
        permute(&[], &[]),
        broadcast(&[3, 1], &[2, 3, 4]),
        broadcast(&[], &[2, 2]),
        broadcast(&[1], &[0]),
        slice(&[4, 5], 1, 1, 3),
        slice(&[4, 5], 0, 4, 0),
        slice(&[3, 4, 2], 0, 2, 1),
        write_slice(&[4, 3], 0, 1, 2),
        write_slice(&[2, 4, 3], 1, 0, 4),
        write_slice(&[2, 4], 1, 2, 0),
        split(&[2, 7, 3], 1, &[4, 0, 3]),
        split(&[6], 0, &[6]),
        split(&[0, 4], 1, &[2, 2]),
        concat(&[2, 0, 3], 1, &[1, 0, 4]),
        concat(&[0, 3], 0, &[2]),
        Case::new(Op::Cast { dtype: DType::F64 }, vec![Input::float([3], 18)]),
    ];
    cases.extend([top_k(&[3, 5], 2), top_k(&[4], 4), top_k(&[2, 3], 0), top_k(&[0, 3], 1)]);
    for op in [ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Max] {
        cases.push(reduce(op, &[3, 4], &[1], false));
        cases.push(reduce(op, &[2, 3, 4], &[0, 2], true));
        cases.push(reduce(op, &[2, 1, 4], &[1], false));
        cases.push(reduce(op, &[5], &[0], false));
        cases.push(reduce(op, &[0, 3], &[1], false));
        cases.push(reduce(op, &[2, 3], &[], false));
    }
    cases.push(reduce(ReduceOp::Sum, &[3, 0], &[1], false));
    cases
}
