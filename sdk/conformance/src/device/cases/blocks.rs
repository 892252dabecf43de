//! Normalisation, softmax, rotary embedding and attention.

use scaledown_sdk::tensor::AttentionSpec;
use scaledown_sdk::{DType, Op};

use super::{Case, CaseKind, Input};

const EPS: f64 = 1e-5;

/// Which normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// Root-mean-square.
    Rms,
    /// Layer, without and with a bias.
    Layer {
        /// Whether there is a bias.
        bias: bool,
    },
}

/// A normalisation of the last dimension.
#[must_use]
pub fn norm(norm: Norm, shape: &[usize]) -> Case {
    let d = shape.last().copied().unwrap_or(1);
    let mut inputs = vec![Input::float(shape, 60), Input::float([d], 61)];
    match norm {
        Norm::Rms => Case::new(Op::RmsNorm { eps: EPS }, inputs),
        Norm::Layer { bias } => {
            inputs.extend(bias.then(|| Input::float([d], 62)));
            Case::new(Op::LayerNorm { eps: EPS }, inputs)
        }
    }
}

/// The gradients of a normalisation that are asked for.
#[must_use]
pub fn norm_backward(kind: Norm, shape: &[usize], input: bool, weight: bool) -> Case {
    let op = match kind {
        Norm::Rms => Op::RmsNormBackward { eps: EPS, input, weight },
        Norm::Layer { .. } => Op::LayerNormBackward { eps: EPS, input, weight },
    };
    Case::backward(op, &norm(kind, shape), &[0, 1], &[], CaseKind::Float, 63)
}

/// A residual connection and a normalisation.
#[must_use]
pub fn add_norm(kind: Norm, shape: &[usize]) -> Case {
    let Case { op, inputs } = norm(kind, shape);
    let op = if matches!(op, Op::RmsNorm { .. }) { Op::AddRmsNorm { eps: EPS } } else { Op::AddLayerNorm { eps: EPS } };
    let mut all = vec![inputs[0].clone(), Input::float(shape, 75)];
    all.extend_from_slice(&inputs[1..]);
    Case::new(op, all)
}

/// The gradients of [`add_norm`] that are asked for, with or without one of the sum itself.
#[must_use]
pub fn add_norm_backward(kind: Norm, shape: &[usize], wanted: (bool, bool), of_sum: bool) -> Case {
    let (input, weight) = wanted;
    let op = match kind {
        Norm::Rms => Op::AddRmsNormBackward { eps: EPS, input, weight },
        Norm::Layer { .. } => Op::AddLayerNormBackward { eps: EPS, input, weight },
    };
    let mut inputs = norm_backward(kind, shape, input, weight).inputs;
    inputs.extend(of_sum.then(|| Input::float(shape, 76)));
    Case::new(op, inputs)
}

/// Softmax of rows of numbers up to `range`.
#[must_use]
pub fn softmax(shape: &[usize], range: f64) -> Case {
    Case::new(Op::Softmax, vec![Input::within(shape, 64, -range, range)])
}

/// Rotary position embedding of `[b, s, h, d]`, with tables of a batch of their own or a common
/// one.
#[must_use]
pub fn rope(shape: [usize; 4], tables: usize, inverse: bool) -> Case {
    let [_, s, _, d] = shape;
    let table = |seed| Input::within([tables, s, d / 2], seed, -1.0, 1.0).of(CaseKind::Accumulator);
    Case::new(Op::Rope { inverse }, vec![Input::float(shape, 65), table(66), table(67)])
}

/// Attention. `extents` are those of [`Op::Attention`]: `b, s, t, h, g, d`.
#[must_use]
pub fn attention([b, s, t, h, g, d]: [usize; 6], spec: AttentionSpec) -> Case {
    let mut inputs = vec![Input::float([b, s, h, d], 68), Input::float([b, t, g, d], 69), Input::float([b, t, g, d], 70)];
    if spec.spans {
        inputs.push(spans(b, s, t));
    }
    if spec.positions {
        // Some queries see no key, some keys are padding, and no two rows of the batch agree.
        inputs.push(Input::integers([b, s], 71, -1, t as i64 + 3, DType::I64));
        inputs.push(Input::integers([b, t], 72, -2, t as i64 + 2, DType::I64));
    }
    Case::new(Op::Attention(spec), inputs)
}

/// Spans of `b` rows: whole ones, padded on the right, padded on the left, empty ones, and such as
/// reach beyond the keys.
fn spans(b: usize, s: usize, t: usize) -> Input {
    let (s, t) = (s as f64, t as f64);
    let row = |row: usize| match row % 4 {
        0 => [(t / 3.0).floor(), (t / 2.0).floor(), (t / 3.0).floor()],
        1 => [0.0, (t / 2.0).ceil(), (t / 2.0).ceil() - s],
        2 => [-1.0, t + 5.0, t - s],
        _ => [0.0, 0.0, 0.0],
    };
    Input { shape: [b, 3].into(), values: (0..b).flat_map(row).collect(), kind: CaseKind::Fixed(DType::I64) }
}

/// The gradient of [`attention`].
#[must_use]
pub fn attention_backward(extents: [usize; 6], spec: AttentionSpec) -> Case {
    let forward = attention(extents, spec);
    let inputs: Vec<usize> = (0..forward.inputs.len()).collect();
    Case::backward(
        Op::AttentionBackward(spec),
        &forward,
        &inputs,
        &[(0, CaseKind::Float), (1, CaseKind::Accumulator)],
        CaseKind::Float,
        73,
    )
}

/// All kinds of masks.
pub(super) fn specs() -> Vec<AttentionSpec> {
    let mut specs = Vec::new();
    for (spans, positions) in [(false, false), (false, true), (true, false), (true, true)] {
        for causal in [false, true] {
            for window in [None, Some(0), Some(2)] {
                specs.push(AttentionSpec { scale: 0.7, causal, window, spans, positions });
            }
        }
    }
    specs
}

pub(super) fn forward() -> Vec<Case> {
    let mut cases = gradients();
    for kind in [Norm::Rms, Norm::Layer { bias: false }, Norm::Layer { bias: true }] {
        for shape in [&[70, 129][..], &[2, 1543], &[3, 2, 8], &[1, 1], &[0, 4], &[17]] {
            cases.extend([norm(kind, shape), add_norm(kind, shape)]);
            if kind != (Norm::Layer { bias: true }) {
                cases.extend([(true, true), (true, false), (false, true)].map(|(x, w)| norm_backward(kind, shape, x, w)));
                for of_sum in [false, true] {
                    let wanted = [(true, true), (true, false), (false, true)];
                    cases.extend(wanted.map(|wanted| add_norm_backward(kind, shape, wanted, of_sum)));
                }
            }
        }
    }
    for (shape, range) in [
        (&[70, 129][..], 3.0),
        (&[2, 1543], 3.0),
        (&[3, 2, 5], 3.0),
        (&[4, 33], 300.0),
        (&[2, 1], 1.0),
        (&[0, 3], 1.0),
        (&[3, 0], 1.0),
    ] {
        let forward = softmax(shape, range);
        cases.push(Case::backward(Op::SoftmaxBackward, &forward, &[], &[(0, CaseKind::Float)], CaseKind::Float, 74));
        cases.push(forward);
    }
    cases.extend([rope([3, 17, 4, 32], 3, false), rope([3, 17, 4, 32], 1, true), rope([0, 3, 1, 2], 0, false)]);
    for spec in specs() {
        for extents in [
            [2, 17, 70, 4, 2, 8], // more keys than a vector or a tile
            [1, 35, 35, 3, 3, 5],
            [2, 5, 3, 2, 1, 4],   // more queries than keys
            [2, 1, 40, 4, 1, 24], // decoding
            [1, 1, 1, 1, 1, 1],
            [2, 3, 0, 2, 1, 4], // no key
            [0, 3, 2, 2, 1, 4],
        ] {
            cases.extend([attention(extents, spec), attention_backward(extents, spec)]);
        }
    }
    cases
}

pub(super) fn gradients() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in [Norm::Rms, Norm::Layer { bias: false }, Norm::Layer { bias: true }] {
        cases.extend([norm(kind, &[2, 3, 4]), norm(kind, &[5]), norm(kind, &[2, 1]), norm(kind, &[0, 3])]);
        cases.extend([add_norm(kind, &[2, 3, 4]), add_norm(kind, &[5]), add_norm(kind, &[0, 3])]);
    }
    cases.extend([softmax(&[2, 4], 2.0), softmax(&[3, 1], 2.0), softmax(&[0, 2], 2.0)]);
    cases.extend([rope([2, 3, 2, 4], 2, false), rope([2, 3, 1, 2], 1, true)]);
    for spec in specs() {
        cases.extend([attention([2, 3, 4, 2, 1, 2], spec), attention([1, 3, 2, 2, 2, 3], spec)]);
    }
    cases
}
