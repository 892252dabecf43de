//! Reductions.

use scaledown_sdk::tensor::ReduceOp;

use super::Lowering;
use crate::stablehlo::{Binary, ComparisonDirection, ElementType, FunctionBuilder, Id, Reduction};

/// Sums are computed in the accumulator type. What is reduced to nothing is a sum of 0 and a mean
/// of NaN.
pub(super) fn reduce(at: &mut Lowering, op: ReduceOp, x: Id, over: &[usize], dims: &[usize]) -> Id {
    let b = &mut at.builder;
    let own = b.element(x);
    if b.ty(x).count() == 0 {
        let nothing = if op == ReduceOp::Mean { f64::NAN } else { 0.0 };
        return b.filled(own, nothing, dims);
    }
    let y = match op {
        ReduceOp::Max => greatest(b, x, over),
        ReduceOp::Sum | ReduceOp::Mean => {
            let x = b.wide(x);
            let mut sum = total(b, x, over);
            if op == ReduceOp::Mean {
                let extents = b.dims(x);
                let count: usize = over.iter().map(|&dim| extents[dim]).product();
                let count = b.constant(b.element(sum), count as f64);
                sum = b.binary(Binary::Divide, sum, count);
            }
            b.convert(sum, own)
        }
    };
    b.reshape(y, dims)
}

fn total(b: &mut FunctionBuilder, x: Id, over: &[usize]) -> Id {
    let zero = b.constant(b.element(x), 0.0);
    b.reduce(Reduction::Add, x, zero, over)
}

pub(super) fn greatest(b: &mut FunctionBuilder, x: Id, over: &[usize]) -> Id {
    let init = b.constant(b.element(x), f64::NEG_INFINITY);
    b.reduce(Reduction::Maximum, x, init, over)
}

/// Where `x [.., n]` is what its row's greatest element is: that element itself, or NaN. Also the
/// greatest, `[.., 1]`.
pub(super) fn attained(b: &mut FunctionBuilder, x: Id) -> (Id, Id) {
    let dims = b.dims(x);
    let last = dims.len() - 1;
    let greatest = greatest(b, x, &[last]);
    let mut column = dims.clone();
    column[last] = 1;
    let greatest = b.reshape(greatest, &column);
    let all = b.broadcast(greatest, &dims);
    let equal = b.compare(ComparisonDirection::Eq, x, all);
    let unordered = b.compare(ComparisonDirection::Ne, x, x);
    (b.binary(Binary::Or, equal, unordered), greatest)
}

/// The least index at which `hit [.., n]` holds, in 32 bits, `[..]`. A reduction of two operands
/// would do it in one; Neuron has none.
pub(super) fn first_index(b: &mut FunctionBuilder, hit: Id) -> Id {
    let dims = b.dims(hit);
    let last = dims.len() - 1;
    let index = b.iota(ElementType::I32, &dims, last);
    let beyond = b.constant(ElementType::I32, f64::from(i32::MAX));
    let candidates = b.select(hit, index, beyond);
    b.reduce(Reduction::Minimum, candidates, beyond, &[last])
}

pub(super) fn arg_max(at: &mut Lowering, x: Id) -> Id {
    let (hit, _) = attained(&mut at.builder, x);
    let index = first_index(&mut at.builder, hit);
    at.builder.convert(index, at.index())
}

/// Rows first and then their sums, which keeps a long sum accurate.
pub(super) fn sum_squares(at: &mut Lowering, tensors: &[Id], out: ElementType) -> Id {
    let b = &mut at.builder;
    let mut sum = None;
    for &x in tensors.iter().filter(|&&x| b.ty(x).count() > 0).collect::<Vec<_>>() {
        let x = b.wide(x);
        let mut square = b.binary(Binary::Multiply, x, x);
        if let Some(last) = b.dims(square).len().checked_sub(1) {
            square = total(b, square, &[last]);
        }
        let rest: Vec<usize> = (0..b.dims(square).len()).collect();
        if !rest.is_empty() {
            square = total(b, square, &rest);
        }
        sum = Some(sum.map_or(square, |sum| b.binary(Binary::Add, sum, square)));
    }
    sum.unwrap_or_else(|| b.constant(out, 0.0))
}
