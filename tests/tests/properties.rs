//! Random extents (one and none among them), masks, permutations and broadcasts, on the reference
//! device through the decompositions and on every device that is linked in: outputs against the
//! reference in every floating-point type that the device has, gradients against finite differences
//! in f64 and in the narrower types against those in f64, and inputs that come out of layout
//! instructions.

use std::sync::LazyLock;

use proptest::prelude::*;
use scaledown_conformance::device::cases::{self, Norm};
use scaledown_conformance::device::{Case, check_forward, check_gradient, check_layouts, fits, floats};
use scaledown_sdk::tensor::{AttentionSpec, BinaryOp, ReduceOp};
use scaledown_sdk::{DType, Device};
use scaledown_tests::parity;

static DEVICES: LazyLock<Vec<Device>> = LazyLock::new(parity::devices);

/// Whether a case and its gradient hold on all devices.
fn holds(case: &Case) -> Result<(), TestCaseError> {
    computes(case)?;
    for device in &*DEVICES {
        check_gradient(device, case).map_err(|error| failed(case, device, &*error))?;
    }
    Ok(())
}

/// Whether a case's outputs hold on all devices.
fn computes(case: &Case) -> Result<(), TestCaseError> {
    for device in &*DEVICES {
        (floats(device).into_iter().filter(|&dtype| fits(device, case, dtype)))
            .try_for_each(|dtype| check_forward(device, case, dtype))
            .map_err(|error| failed(case, device, &*error))?;
        check_layouts(device, case).map_err(|error| failed(case, device, &*error))?;
    }
    Ok(())
}

fn failed(case: &Case, device: &Device, error: &dyn std::error::Error) -> TestCaseError {
    TestCaseError::fail(format!("{case} on {}: {error}", device.name()))
}

/// Extents of up to three dimensions, of up to three indices, none of them included.
fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..4usize, 0..4)
}

/// A shape, and one that broadcasts to it: without some leading dimensions, and with others of
/// extent 1.
fn broadcast_pair() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    (shape(), 0..4usize, prop::collection::vec(any::<bool>(), 3)).prop_map(|(shape, skip, ones)| {
        let kept = &shape[skip.min(shape.len())..];
        let smaller = kept.iter().zip(ones).map(|(&extent, one)| if one { 1 } else { extent }).collect();
        (shape, smaller)
    })
}

/// A shape and an order of its dimensions.
fn permuted() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    shape().prop_flat_map(|shape| {
        let dims = Just((0..shape.len()).collect::<Vec<_>>()).prop_shuffle();
        (Just(shape), dims)
    })
}

/// A shape of one dimension at least, one of its dimensions, and a range of it.
fn ranged() -> impl Strategy<Value = (Vec<usize>, usize, usize, usize)> {
    (
        prop::collection::vec(0..4usize, 1..4),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(shape, dim, start, len)| {
            let dim = dim.index(shape.len());
            let start = start.index(shape[dim] + 1);
            let len = len.index(shape[dim] - start + 1);
            (shape, dim, start, len)
        })
}

fn attention_spec() -> impl Strategy<Value = AttentionSpec> {
    (0.1..1.5, any::<bool>(), prop::option::of(0..4usize), any::<bool>())
        .prop_map(|(scale, causal, window, positions)| AttentionSpec { scale, causal, window, spans: false, positions })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn binaries_sum_over_what_was_broadcast((a, b) in broadcast_pair(), swap: bool, op in 0..6usize) {
        use BinaryOp::{Add, Div, Maximum, Minimum, Mul, Sub};
        let op = [Add, Sub, Mul, Div, Maximum, Minimum][op];
        holds(&if swap { cases::binary(op, &b, &a) } else { cases::binary(op, &a, &b) })?;
    }

    #[test]
    fn functions_of_one_element(shape in shape(), op in 0..cases::UNARY.len(), gate in 0..cases::GATED.len()) {
        holds(&cases::unary(cases::UNARY[op], &shape))?;
        holds(&cases::gated(cases::GATED[gate], &shape))?;
        holds(&cases::affine(&shape))?;
    }

    #[test]
    fn what_is_dropped_gets_no_gradient(shape in shape(), p in 0.0..0.9) {
        holds(&cases::dropout(p, &shape))?;
    }

    #[test]
    fn conversions(shape in shape(), dtype in 0..6usize) {
        let dtype = [DType::F64, DType::F32, DType::BF16, DType::F16, DType::I64, DType::Bool][dtype];
        computes(&cases::cast(dtype, &shape))?;
        holds(&cases::cast(DType::F64, &shape))?;
    }

    #[test]
    fn other_shapes_of_the_same_elements((shape, dims) in permuted(), one: prop::sample::Index) {
        let mut other: Vec<usize> = dims.iter().map(|&dim| shape[dim]).collect();
        other.insert(one.index(dims.len() + 1), 1);
        holds(&cases::reshape(&shape, &other))?;
        holds(&cases::reshape(&other, &shape))?;
        holds(&cases::reshape(&shape, &[shape.iter().product()]))?;
    }

    #[test]
    fn broadcasts_sum_back((shape, smaller) in broadcast_pair()) {
        holds(&cases::broadcast(&smaller, &shape))?;
    }

    #[test]
    fn a_choice_sends_each_gradient_one_way((a, b) in broadcast_pair(), order in 0..3usize) {
        holds(&match order {
            0 => cases::select(&a, &b, &a),
            1 => cases::select(&b, &a, &b),
            _ => cases::select(&b, &b, &a),
        })?;
    }

    #[test]
    fn permutations_are_undone((shape, dims) in permuted()) {
        holds(&cases::permute(&shape, &dims))?;
    }

    #[test]
    fn ranges_are_read_and_written((shape, dim, start, len) in ranged()) {
        holds(&cases::slice(&shape, dim, start, len))?;
        holds(&cases::write_slice(&shape, dim, start, len))?;
        holds(&cases::concat(&shape, dim, &[start, len, 1]))?;
    }

    #[test]
    fn reductions_spread(shape in shape(), mask in prop::collection::vec(any::<bool>(), 3), keep: bool) {
        let dims: Vec<usize> = (0..shape.len()).filter(|&dim| mask[dim]).collect();
        holds(&cases::reduce(ReduceOp::Sum, &shape, &dims, keep))?;
        if dims.iter().all(|&dim| shape[dim] > 0) {
            holds(&cases::reduce(ReduceOp::Mean, &shape, &dims, keep))?;
            holds(&cases::reduce(ReduceOp::Max, &shape, &dims, keep))?;
        }
    }

    #[test]
    fn products_with_broadcast_batches((a, b) in broadcast_pair(), swap: bool, extents: [u8; 3], transpose: [bool; 2]) {
        let (a, b) = (&a[a.len().saturating_sub(2)..], &b[b.len().saturating_sub(2)..]);
        let (a, b) = if swap { (b, a) } else { (a, b) };
        let extents = extents.map(|extent| usize::from(extent % 4));
        holds(&cases::matmul(a, b, extents, transpose[0], transpose[1]))?;
    }

    #[test]
    fn linear_maps(rows in shape(), i in 0..4usize, o in 0..4usize, bias: bool) {
        holds(&cases::linear(&rows, i, o, bias))?;
    }

    #[test]
    fn lookups_add_up_repeated_rows(ids in shape(), rows in 1..4usize, d in 0..4usize) {
        holds(&cases::embedding(&ids, rows, d, DType::I64))?;
    }

    #[test]
    fn normalisations(rows in shape(), d in 1..5usize, kind in 0..3usize) {
        let kind = [Norm::Rms, Norm::Layer { bias: false }, Norm::Layer { bias: true }][kind];
        let shape = [&rows[..rows.len().min(2)], &[d]].concat();
        holds(&cases::norm(kind, &shape))?;
        holds(&cases::softmax(&shape, 2.0))?;
    }

    #[test]
    fn rotations(b in 0..3usize, s in 0..4usize, h in 1..3usize, half in 1..3usize, shared: bool, inverse: bool) {
        holds(&cases::rope([b, s, h, 2 * half], if shared { 1 } else { b }, inverse))?;
    }

    #[test]
    fn attention_under_any_mask(
        b in 0..3usize, s in 0..4usize, t in 0..4usize, g in 1..3usize, r in 1..3usize, d in 1..4usize, spec in attention_spec(),
    ) {
        holds(&cases::attention([b, s, t, g * r, g, d], spec))?;
    }

    #[test]
    fn cross_entropy_with_ignored_rows(n in 0..5usize, v in 1..5usize) {
        holds(&cases::cross_entropy(n, v, 2.0))?;
    }
}
