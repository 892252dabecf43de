//! Loss and optimizer.

use scaledown_sdk::{DType, Op};

use super::{Case, CaseKind, Input};

/// Cross-entropy of `n` rows of `v` logits up to `range`; about one target in `v + 1` is ignored.
#[must_use]
pub fn cross_entropy(n: usize, v: usize, range: f64) -> Case {
    let targets = Input::integers([n], 81, -1, v as i64, DType::I64);
    Case::new(Op::CrossEntropy, vec![Input::within([n, v], 80, -range, range), targets])
}

fn cross_entropy_backward(n: usize, v: usize, range: f64) -> Case {
    let forward = cross_entropy(n, v, range);
    Case::backward(Op::CrossEntropyBackward, &forward, &[0, 1], &[(1, CaseKind::Accumulator)], CaseKind::Accumulator, 82)
}

/// The sum of the squares of tensors of these shapes.
#[must_use]
pub fn sum_squares(shapes: &[&[usize]]) -> Case {
    Case::new(Op::SumSquares, (83..).zip(shapes).map(|(seed, &shape)| Input::float(shape, seed)).collect())
}

/// One optimizer step.
#[must_use]
pub fn adamw(shape: &[usize], step: u64, gradient: CaseKind, master: bool) -> Case {
    adamw_of(&[shape], step, gradient, master, 0.5)
}

/// One optimizer step of several parameters, whose gradients are multiplied by `scale`.
#[must_use]
pub fn adamw_of(shapes: &[&[usize]], step: u64, gradient: CaseKind, masters: bool, scale: f64) -> Case {
    let op = Op::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, masters, lr: 0.01, step };
    let factor = Input { shape: [].into(), values: vec![scale], kind: CaseKind::Accumulator };
    let each = shapes.iter().flat_map(|shape| parameter(shape, gradient, masters));
    Case::new(op, std::iter::once(factor).chain(each).collect())
}

/// A parameter, its gradient, its moments, and its master copy.
fn parameter(shape: &[usize], gradient: CaseKind, master: bool) -> Vec<Input> {
    let state = |seed, low| Input::within(shape, seed, low, 1.0).of(CaseKind::Accumulator);
    let mut inputs = vec![Input::float(shape, 90), Input::float(shape, 91).of(gradient), state(92, -1.0), state(93, 0.1)];
    inputs.extend(master.then(|| state(94, -1.0)));
    inputs
}

pub(super) fn forward() -> Vec<Case> {
    let mut cases = gradients();
    cases.push(adamw_of(&[&[5], &[70, 129], &[], &[0, 2]], 3, CaseKind::Float, false, 0.5));
    cases.push(adamw_of(&[&[5], &[2, 3]], 3, CaseKind::Accumulator, true, 2.0));
    // Where the factor is NaN, nothing changes.
    for masters in [false, true] {
        cases.push(adamw_of(&[&[5], &[2, 3]], 3, CaseKind::Float, masters, f64::NAN));
    }
    for (n, v, range) in [(33, 129, 3.0), (70, 17, 3.0), (5, 33, 300.0), (1, 1, 1.0), (0, 4, 1.0)] {
        cases.extend([cross_entropy(n, v, range), cross_entropy_backward(n, v, range)]);
    }
    cases.extend([sum_squares(&[&[65, 131], &[17], &[]]), sum_squares(&[&[0]])]);
    for shape in [&[65, 131][..], &[3], &[0]] {
        for (step, gradient, master) in
            [(1, CaseKind::Float, false), (7, CaseKind::Float, true), (3, CaseKind::Accumulator, true)]
        {
            cases.push(adamw(shape, step, gradient, master));
        }
    }
    cases
}

pub(super) fn gradients() -> Vec<Case> {
    vec![
        cross_entropy(4, 3, 2.0),
        cross_entropy(3, 1, 2.0),
        cross_entropy(0, 3, 2.0),
        sum_squares(&[&[2, 3], &[], &[0, 2]]),
        sum_squares(&[&[1]]),
    ]
}
