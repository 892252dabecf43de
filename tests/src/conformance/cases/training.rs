//! Loss and optimizer.

use scaledown_sdk::tensor::AdamW;
use scaledown_sdk::{DType, Op};

use super::{Case, Input, Kind};

/// Cross-entropy of `n` rows of `v` logits up to `range`; about one target in `v + 1` is ignored.
#[must_use]
pub fn cross_entropy(n: usize, v: usize, range: f64) -> Case {
    let targets = Input::integers([n], 81, -1, v as i64, DType::I64);
    Case::new(Op::CrossEntropy, vec![Input::within([n, v], 80, -range, range), targets])
}

fn cross_entropy_backward(n: usize, v: usize, range: f64) -> Case {
    let forward = cross_entropy(n, v, range);
    Case::backward(Op::CrossEntropyBackward, &forward, &[0, 1], &[(1, Kind::Accumulator)], Kind::Accumulator, 82)
}

/// The sum of the squares of tensors of these shapes.
#[must_use]
pub fn sum_squares(shapes: &[&[usize]]) -> Case {
    Case::new(Op::SumSquares, (83..).zip(shapes).map(|(seed, &shape)| Input::float(shape, seed)).collect())
}

/// One optimizer step.
#[must_use]
pub fn adamw(shape: &[usize], step: u64, gradient: Kind, master: bool) -> Case {
    let settings = AdamW { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, step, grad_scale: 0.5 };
    let state = |seed, low| Input::within(shape, seed, low, 1.0).of(Kind::Accumulator);
    let mut inputs = vec![Input::float(shape, 90), Input::float(shape, 91).of(gradient), state(92, -1.0), state(93, 0.1)];
    inputs.extend(master.then(|| state(94, -1.0)));
    Case::new(Op::AdamW(settings), inputs)
}

pub(super) fn forward() -> Vec<Case> {
    let mut cases = gradients();
    for (n, v, range) in [(33, 129, 3.0), (70, 17, 3.0), (5, 33, 300.0), (1, 1, 1.0), (0, 4, 1.0)] {
        cases.extend([cross_entropy(n, v, range), cross_entropy_backward(n, v, range)]);
    }
    cases.extend([sum_squares(&[&[65, 131], &[17], &[]]), sum_squares(&[&[0]])]);
    for shape in [&[65, 131][..], &[3], &[0]] {
        for (step, gradient, master) in [(1, Kind::Float, false), (7, Kind::Float, true), (3, Kind::Accumulator, true)] {
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
