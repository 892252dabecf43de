//! The greatest elements of rows, without a sort: Neuron miscompiles one beside a slice.

use super::reduce::{attained, first_index};
use super::{Lowering, Unsupported};
use crate::stablehlo::{Binary, ComparisonDirection, ElementType, FunctionBuilder, Id, Reduction};

/// Up to as many, each is found by a pass of its own.
const FEW: usize = 32;

/// Values and indices `[.., k]`. NaN is the greatest, the first on ties.
pub(super) fn top_k(at: &mut Lowering, x: Id, k: usize) -> Result<Vec<Id>, Unsupported> {
    let index = at.index();
    let b = &mut at.builder;
    let (values, indices) = if k <= FEW { one_by_one(b, x, k) } else { by_rank(b, x, k) };
    let indices = b.convert(indices, index);
    Ok(vec![values, indices])
}

/// Takes the greatest of what is left, `k` times.
fn one_by_one(b: &mut FunctionBuilder, x: Id, k: usize) -> (Id, Id) {
    let dims = b.dims(x);
    let last = dims.len() - 1;
    let mut column = dims.clone();
    column[last] = 1;
    let (lowest, no) = (b.constant(b.element(x), f64::NEG_INFINITY), b.constant(ElementType::I1, 0.0));
    let places = b.iota(ElementType::I32, &dims, last);
    let mut left = b.constant(ElementType::I1, 1.0);
    left = b.broadcast(left, &dims);
    let (mut values, mut indices) = (Vec::new(), Vec::new());
    for _ in 0..k {
        let rest = b.select(left, x, lowest);
        let (hit, greatest) = attained(b, rest);
        // What has been taken stands as the lowest number, which others may be as well.
        let hit = b.binary(Binary::And, hit, left);
        let first = first_index(b, hit);
        let first = b.reshape(first, &column);
        let all = b.broadcast(first, &dims);
        let taken = b.compare(ComparisonDirection::Eq, places, all);
        left = b.select(taken, no, left);
        values.push(greatest);
        indices.push(first);
    }
    let mut out = dims;
    out[last] = k;
    (b.concatenate(&values, last, &out), b.concatenate(&indices, last, &out))
}

/// Counts, for each element, those that stand before it, and picks the elements with the first `k`
/// counts.
fn by_rank(b: &mut FunctionBuilder, x: Id, k: usize) -> (Id, Id) {
    let dims = b.dims(x);
    let n = dims.last().copied().unwrap_or(1);
    let rows = b.ty(x).count() / n;
    let x = b.reshape(x, &[rows, n]);
    // Index 1 is the element, index 2 the other one.
    let square = [rows, n, n];
    let own = b.reshape(x, &[rows, n, 1]);
    let other = b.reshape(x, &[rows, 1, n]);
    let (own, other) = (b.broadcast(own, &square), b.broadcast(other, &square));
    let (own_index, other_index) = (b.iota(ElementType::I32, &square, 1), b.iota(ElementType::I32, &square, 2));
    let (own_nan, other_nan) = (b.compare(ComparisonDirection::Ne, own, own), b.compare(ComparisonDirection::Ne, other, other));
    let greater = b.compare(ComparisonDirection::Gt, other, own);
    let both = b.binary(Binary::And, own_nan, other_nan);
    let equal = b.compare(ComparisonDirection::Eq, other, own);
    let tie = b.binary(Binary::Or, both, equal);
    let earlier = b.compare(ComparisonDirection::Lt, other_index, own_index);
    let tie = b.binary(Binary::And, tie, earlier);
    let only_other = b.binary(Binary::Xor, both, other_nan);
    let before = b.binary(Binary::Or, greater, tie);
    let before = b.binary(Binary::Or, before, only_other);
    let (before, zero) = (b.convert(before, ElementType::I32), b.constant(ElementType::I32, 0.0));
    let rank = b.reduce(Reduction::Add, before, zero, &[2]);
    // `[rows, k, n]`: whether an element has a rank.
    let wide = [rows, k, n];
    let rank = b.reshape(rank, &[rows, 1, n]);
    let rank = b.broadcast(rank, &wide);
    let wanted = b.iota(ElementType::I32, &wide, 1);
    let hit = b.compare(ComparisonDirection::Eq, rank, wanted);
    let indices = first_index(b, hit);
    let element = b.element(x);
    let elements = b.reshape(x, &[rows, 1, n]);
    let elements = b.broadcast(elements, &wide);
    let lowest = b.constant(element, f64::NEG_INFINITY);
    let chosen = b.select(hit, elements, lowest);
    let values = b.reduce(Reduction::Maximum, chosen, lowest, &[2]);
    let mut out = dims;
    let last = out.len() - 1;
    out[last] = k;
    (b.reshape(values, &out), b.reshape(indices, &out))
}
