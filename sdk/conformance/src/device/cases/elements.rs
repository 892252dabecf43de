//! Element-wise instructions.

use scaledown_sdk::tensor::{BinaryOp, CompareOp, GatedOp, UnaryOp};
use scaledown_sdk::{DType, Op};

use super::{Case, CaseKind, Input};

/// All functions of one element.
pub const UNARY: [UnaryOp; 17] = [
    UnaryOp::Neg,
    UnaryOp::Abs,
    UnaryOp::Square,
    UnaryOp::Sqrt,
    UnaryOp::Rsqrt,
    UnaryOp::Recip,
    UnaryOp::Exp,
    UnaryOp::Log,
    UnaryOp::Sin,
    UnaryOp::Cos,
    UnaryOp::Tanh,
    UnaryOp::Sigmoid,
    UnaryOp::Relu,
    UnaryOp::Silu,
    UnaryOp::Gelu,
    UnaryOp::GeluTanh,
    UnaryOp::Erf,
];
const BINARY: [BinaryOp; 6] = [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div, BinaryOp::Maximum, BinaryOp::Minimum];
const COMPARE: [CompareOp; 6] = [CompareOp::Eq, CompareOp::Ne, CompareOp::Lt, CompareOp::Le, CompareOp::Gt, CompareOp::Ge];
/// All gated activations.
pub const GATED: [GatedOp; 3] = [GatedOp::Silu, GatedOp::Gelu, GatedOp::GeluTanh];

/// A function of one tensor, within its domain.
#[must_use]
pub fn unary(op: UnaryOp, shape: &[usize]) -> Case {
    let input = match op {
        UnaryOp::Sqrt | UnaryOp::Rsqrt | UnaryOp::Recip | UnaryOp::Log => Input::within(shape, 20, 0.3, 3.0),
        _ => Input::within(shape, 21, -4.0, 4.0),
    };
    Case::new(Op::Unary(op), vec![input])
}

/// A function of two tensors.
#[must_use]
pub fn binary(op: BinaryOp, a: &[usize], b: &[usize]) -> Case {
    Case::new(Op::Binary(op), vec![Input::float(a, 22), Input::within(b, 23, 0.3, 2.0)])
}

/// A choice between two tensors.
#[must_use]
pub fn select(condition: &[usize], a: &[usize], b: &[usize]) -> Case {
    Case::new(Op::Select, vec![Input::integers(condition, 24, 0, 2, DType::Bool), Input::float(a, 25), Input::float(b, 26)])
}

fn compare(op: CompareOp, a: Input, b: Input) -> Case {
    Case::new(Op::Compare(op), vec![a, b])
}

/// A gated activation.
#[must_use]
pub fn gated(op: GatedOp, shape: &[usize]) -> Case {
    Case::new(Op::Gated(op), vec![Input::within(shape, 27, -4.0, 4.0), Input::float(shape, 28)])
}

/// A gated activation whose two inputs are the halves of one.
#[must_use]
pub fn gated_halves(op: GatedOp, shape: &[usize]) -> Case {
    Case::new(Op::Gated(op), vec![Input::within(shape, 41, -4.0, 4.0)])
}

/// A function of a sum with a bias.
#[must_use]
pub fn bias_activation(op: UnaryOp, shape: &[usize]) -> Case {
    let n = shape.last().copied().unwrap_or(1);
    let Case { inputs, .. } = unary(op, shape);
    // The sum stays in the function's domain.
    Case::new(Op::BiasActivation(op), vec![inputs[0].clone(), Input::within([n], 42, 0.0, 0.5)])
}

fn bias_activation_backward(function: UnaryOp, shape: &[usize], input: bool, bias: bool) -> Case {
    let inputs = [bias_activation(function, shape).inputs, vec![Input::float(shape, 43)]].concat();
    Case::new(Op::BiasActivationBackward { function, input, bias }, inputs)
}

/// Dropout with a fixed seed.
#[must_use]
pub fn dropout(p: f64, shape: &[usize]) -> Case {
    Case::new(Op::Dropout { p, seed: 7 }, vec![Input::float(shape, 29)])
}

/// A multiple of a tensor and a summand.
#[must_use]
pub fn affine(shape: &[usize]) -> Case {
    Case::new(Op::Affine { mul: -1.5, add: 0.25 }, vec![Input::float(shape, 30)])
}

pub(super) fn forward() -> Vec<Case> {
    let mut cases = gradients();
    cases.extend(UNARY.iter().map(|&op| unary(op, &[65, 131])));
    for op in BINARY {
        cases.push(binary(op, &[65, 131], &[65, 131]));
        cases.push(binary(op, &[7, 1, 33], &[5, 33]));
        cases.push(binary(op, &[33], &[9, 7, 33]));
        cases.push(binary(op, &[9, 7, 1], &[9, 7, 33]));
    }
    for op in [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Maximum, BinaryOp::Minimum] {
        let integers = |shape: &[usize], seed| Input::integers(shape, seed, -50, 50, DType::I64);
        cases.push(Case::new(Op::Binary(op), vec![integers(&[3, 5], 31), integers(&[5], 32)]));
    }
    for op in COMPARE {
        let few = |shape: &[usize], seed| Input::integers(shape, seed, 0, 3, DType::I64);
        cases.push(compare(op, few(&[17, 1], 33), few(&[9], 34)));
        cases.push(compare(op, few(&[40, 33], 33).of(CaseKind::Float), few(&[40, 33], 34).of(CaseKind::Float)));
        cases.push(compare(op, few(&[6], 33).of(CaseKind::Fixed(DType::U32)), few(&[], 34).of(CaseKind::Fixed(DType::U32))));
        cases.push(compare(op, Input::float([0, 3], 35), Input::float([3], 36)));
    }
    cases.push(select(&[40, 33], &[], &[40, 33]));
    let choices = [Input::integers([3, 4], 37, -5, 5, DType::I64), Input::integers([4], 38, -5, 5, DType::I64)];
    cases.push(Case::new(Op::Select, [vec![Input::integers([3, 1], 39, 0, 2, DType::Bool)], choices.to_vec()].concat()));
    for op in GATED {
        for shape in [&[65, 131][..], &[2, 3], &[0, 4]] {
            cases.push(gated(op, shape));
            let inputs = [gated(op, shape).inputs, vec![Input::float(shape, 40)]].concat();
            cases.push(Case::new(Op::GatedBackward(op), inputs));
        }
    }
    for op in GATED {
        for (whole, half) in [(&[65, 130][..], &[65, 65][..]), (&[2, 6], &[2, 3]), (&[0, 4], &[0, 2])] {
            cases.push(gated_halves(op, whole));
            let inputs = [gated_halves(op, whole).inputs, vec![Input::float(half, 44)]].concat();
            cases.push(Case::new(Op::GatedBackward(op), inputs));
        }
    }
    for op in UNARY {
        for shape in [&[65, 131][..], &[0, 4], &[7]] {
            cases.push(bias_activation(op, shape));
            let wanted = [(true, true), (true, false), (false, true)];
            cases.extend(wanted.map(|(input, bias)| bias_activation_backward(op, shape, input, bias)));
        }
    }
    cases.extend([dropout(0.1, &[65, 131]), dropout(0.9, &[300]), affine(&[65, 131])]);
    cases
}

pub(super) fn gradients() -> Vec<Case> {
    let mut cases = Vec::new();
    for op in UNARY {
        cases.extend([unary(op, &[2, 5]), unary(op, &[]), unary(op, &[0, 3])]);
    }
    for op in BINARY {
        cases.push(binary(op, &[2, 3], &[2, 3]));
        cases.push(binary(op, &[2, 1, 3], &[4, 1]));
        cases.push(binary(op, &[], &[3]));
        cases.push(binary(op, &[1], &[1, 1]));
        cases.push(binary(op, &[2, 0], &[1]));
    }
    cases.extend([select(&[2, 3], &[2, 3], &[3]), select(&[3, 1], &[], &[1, 2]), select(&[1], &[0], &[])]);
    cases.extend(GATED.iter().flat_map(|&op| [gated(op, &[2, 4]), gated_halves(op, &[3, 4])]));
    cases.extend(UNARY.iter().flat_map(|&op| [bias_activation(op, &[2, 3]), bias_activation(op, &[0, 2])]));
    cases.extend([dropout(0.4, &[3, 5, 7]), dropout(0.4, &[3, 5]), dropout(0.0, &[2]), affine(&[4]), affine(&[0])]);
    cases
}
