//! Attention at the sizes of models, with every kind of mask: against the reference, in any order
//! of warps, and where what is hidden is not a number.

use scaledown_conformance::device::{Case, cases, check_forward};
use scaledown_cuda_emulator::{Emulator, Options};
use scaledown_sdk::tensor::AttentionSpec;
use scaledown_sdk::{DType, Device, Op, Tensor};

/// Extents as in the contract: `b, s, t, h, g, d`.
const EXTENTS: [[usize; 6]; 5] = [
    [1, 70, 70, 4, 2, 64],   // grouped queries, two tiles
    [2, 67, 131, 2, 1, 128], // a long past
    [1, 100, 65, 2, 2, 128], // more queries than keys
    [3, 1, 300, 4, 1, 128],  // decoding, in parts
    [1, 33, 40, 2, 1, 96],   // heads between two tiles
];

fn device(order: u32) -> Device {
    Emulator::device(Options { order, ..Options::default() }).unwrap()
}

fn spec(causal: bool, window: Option<usize>, spans: bool, positions: bool) -> AttentionSpec {
    AttentionSpec { scale: 0.1, causal, window, spans, positions }
}

fn specs() -> Vec<AttentionSpec> {
    vec![
        spec(true, None, false, false),
        spec(false, None, true, false),
        spec(true, Some(20), true, false),
        spec(false, Some(9), false, false),
        spec(true, Some(33), true, true),
    ]
}

fn close(device: &Device, case: &Case) {
    for dtype in [DType::BF16, DType::F16] {
        check_forward(device, case, dtype).unwrap_or_else(|error| panic!("{case} in {dtype}: {error}"));
    }
}

#[test]
fn forward_gives_the_results_of_the_reference() {
    let device = device(0);
    EXTENTS.iter().flat_map(|&extents| specs().into_iter().map(move |spec| (extents, spec))).for_each(|(extents, spec)| {
        close(&device, &cases::attention(extents, spec));
    });
}

#[test]
fn backward_gives_the_results_of_the_reference() {
    let device = device(5);
    for extents in EXTENTS {
        for spec in [specs()[0], specs()[2], specs()[3], specs()[4]] {
            close(&device, &cases::attention_backward(extents, spec));
        }
    }
}

/// Whatever a query that sees one key alone makes of it changes nothing: both sums that cancel are
/// made in one order, so that not even their rounding is left.
#[test]
fn a_query_of_one_key_has_no_gradient() {
    let device = device(0);
    let (b, s, h) = (1, 70, 2);
    let spec = spec(false, Some(0), false, false);
    for (d, dtype) in [(64, DType::F16), (96, DType::F16), (128, DType::BF16), (20, DType::F16), (20, DType::F32)] {
        let tensor = |step: usize| {
            let values: Vec<f32> = (0..b * s * h * d).map(|i| ((i * step % 101) as f32 - 50.0) / 25.0).collect();
            device.from_slice(&values, [b, s, h, d]).unwrap().cast(dtype).unwrap()
        };
        let (q, k, v, grad) = (tensor(37), tensor(39), tensor(41), tensor(43));
        let outputs = Tensor::apply(Op::Attention(spec), &[&q, &k, &v]).unwrap();
        let inputs = [&q, &k, &v, &outputs[0], &outputs[1], &grad];
        let gradients = Tensor::apply(Op::AttentionBackward(spec), &inputs).unwrap();
        let values = |index: usize| gradients[index].to_data().unwrap().to_f64();
        assert!(values(0).iter().chain(&values(1)).all(|&x| x == 0.0), "{d} numbers a head in {dtype}");
        assert!(values(2).iter().any(|&x| x != 0.0), "the values have a gradient");
    }
}

/// The outputs of a case on a device, as bits.
fn bits(device: &Device, case: &Case, dtype: DType) -> Vec<Vec<u8>> {
    let inputs: Vec<Tensor> = case.inputs.iter().map(|input| input.upload(device, dtype).unwrap()).collect();
    let outputs = cases::apply(&case.op, &inputs, device).unwrap();
    outputs.iter().map(|output| output.to_data().unwrap().bytes().to_vec()).collect()
}

#[test]
fn results_do_not_depend_on_the_order_of_warps() {
    let spec = spec(true, Some(40), true, false);
    for case in [
        cases::attention([1, 70, 70, 4, 2, 64], spec),
        cases::attention([2, 1, 300, 4, 1, 128], spec),
        cases::attention([1, 40, 250, 2, 1, 64], self::spec(false, None, false, true)), // four tiles
        cases::attention_backward([1, 70, 70, 2, 1, 128], spec),
        cases::adapter(&[4, 33], [130, 16, 40], 0.3),
        cases::norm(cases::Norm::Layer { bias: true }, &[3, 1543]),
        cases::cross_entropy(5, 1000, 3.0),
        cases::top_k(&[2, 3000], 100),
        cases::reduce(scaledown_sdk::tensor::ReduceOp::Sum, &[3, 2000], &[1], false),
    ] {
        let first = bits(&device(0), &case, DType::BF16);
        for order in [1, 5] {
            assert_eq!(bits(&device(order), &case, DType::BF16), first, "{case}, order {order}");
        }
    }
}

/// Keys outside the span, and in the future of all queries, are not numbers.
#[test]
fn what_nobody_sees_may_be_anything() {
    let device = device(0);
    let (b, s, t, d) = (1, 5, 70, 64);
    let clean: Vec<f32> = (0..t * d).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
    let poisoned: Vec<f32> =
        clean.iter().enumerate().map(|(i, &x)| if (10..60).contains(&(i / d)) { x } else { f32::NAN }).collect();
    let tensor = |values: &[f32], shape: [usize; 4]| device.from_slice(values, shape).unwrap().cast(DType::BF16).unwrap();
    let q = tensor(&clean[..s * d], [b, s, 1, d]);
    let spans = device.from_slice(&[10_i64, 50, 55], [1, 3]).unwrap();
    let op = Op::Attention(spec(true, None, true, false));
    let run = |values: &[f32]| {
        let kv = tensor(values, [b, t, 1, d]);
        let outputs = Tensor::apply(op.clone(), &[&q, &kv, &kv, &spans]).unwrap();
        let backward = Op::AttentionBackward(spec(true, None, true, false));
        let gradients = Tensor::apply(backward, &[&q, &kv, &kv, &spans, &outputs[0], &outputs[1], &q]).unwrap();
        outputs.iter().chain(&gradients).map(|tensor| tensor.to_data().unwrap()).collect::<Vec<_>>()
    };
    let (expected, found) = (run(&clean), run(&poisoned));
    assert!(found.iter().all(|data| data.to_f64().iter().all(|x| x.is_finite())), "a NaN came through the mask");
    assert_eq!(found, expected);
}
