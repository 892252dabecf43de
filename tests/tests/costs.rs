//! What instructions cost, by the rule, and that a device counts each once whether it runs it as a
//! kernel or in parts.

use std::collections::BTreeSet;

use scaledown_conformance::device::cases::{self, Case, apply};
use scaledown_conformance::device::fits;
use scaledown_sdk::tensor::{cost, infer};
use scaledown_sdk::{DType, Op, TensorSpec};
use scaledown_tests::parity::devices;

fn bytes(specs: &[TensorSpec]) -> u64 {
    specs.iter().map(|spec| spec.bytes() as u64).sum()
}

/// The operations that `FlopCounterMode` would count: two for each multiplication of a product, and
/// none for anything else.
fn expected_flops(op: &Op, inputs: &[TensorSpec], outputs: &[TensorSpec]) -> u64 {
    let dims = |index: usize| inputs[index].shape.dims();
    let multiplications = match op {
        Op::Linear => outputs[0].shape.count() * dims(1)[1],
        Op::MatMul { transpose_b, .. } => {
            let b = dims(1);
            outputs[0].shape.count() * if *transpose_b { b[b.len() - 1] } else { b[b.len() - 2] }
        }
        // Scores and their product with the values; backward those scores again, and two products
        // for each of the two.
        Op::Attention(_) => 2 * dims(0).iter().product::<usize>() * dims(1)[1],
        Op::AttentionBackward(_) => 5 * dims(0).iter().product::<usize>() * dims(1)[1],
        // Down to the rank, and up from it.
        Op::Adapter { .. } => dims(1).iter().product::<usize>() * dims(2)[0] + dims(0).iter().product::<usize>() * dims(2)[0],
        // Backward the gradient of what lies between, if it leads on, and one product for each
        // gradient.
        Op::AdapterBackward { input, down, up, .. } => {
            let (narrow, wide) = (dims(0).iter().product::<usize>(), dims(4).iter().product::<usize>());
            let count = |flag: bool| usize::from(flag);
            dims(1)[0] * (narrow * (count(*input) + count(*down)) + wide * (count(*input || *down) + count(*up)))
        }
        _ => 0,
    };
    2 * multiplications as u64
}

/// Every input read and every output written once, except where only a part of a tensor is touched
/// or nothing at all.
fn expected_bytes(op: &Op, inputs: &[TensorSpec], outputs: &[TensorSpec]) -> u64 {
    match op {
        Op::Reshape { .. } => 0,
        Op::Slice { .. } => 2 * bytes(outputs),
        Op::WriteSlice { .. } => 2 * bytes(&inputs[1..]),
        Op::Embedding => bytes(&inputs[1..]) + 2 * bytes(outputs),
        _ => bytes(inputs) + bytes(outputs),
    }
}

/// The specifications of a case's inputs and outputs in `dtype`.
fn specs(case: &Case, dtype: DType) -> (Vec<TensorSpec>, Vec<TensorSpec>) {
    let inputs: Vec<TensorSpec> = case.inputs.iter().map(|input| TensorSpec::new(input.dtype(dtype), &input.shape)).collect();
    let outputs = infer(&case.op, &inputs).unwrap_or_else(|error| panic!("{case}: {error}"));
    (inputs, outputs)
}

#[test]
fn every_instruction_costs_what_the_rule_says() {
    let mut seen = BTreeSet::new();
    for case in cases::all() {
        seen.insert(case.op.name());
        for dtype in [DType::F32, DType::BF16] {
            let (inputs, outputs) = specs(&case, dtype);
            let cost = cost(&case.op, &inputs, &outputs);
            assert_eq!(cost.flops, expected_flops(&case.op, &inputs, &outputs), "{case}");
            assert_eq!(cost.bytes, expected_bytes(&case.op, &inputs, &outputs), "{case} in {dtype}");
        }
    }
    // Those that are cases of the instruction set: a new one belongs to the cases, and a product to
    // the rule.
    assert_eq!(seen.len(), Op::TABLE.len(), "{seen:?}");
}

#[test]
fn a_device_counts_an_instruction_once_however_it_runs_it() {
    for device in devices() {
        for case in cases::differentiable().into_iter().filter(|case| fits(&device, case, DType::F32)) {
            let inputs: Vec<_> = case.inputs.iter().map(|input| input.upload(&device, DType::F32).expect("an upload")).collect();
            let before = device.usage();
            apply(&case.op, &inputs, &device).unwrap_or_else(|error| panic!("{case}: {error}"));
            let used = device.usage() - before;
            let (inputs, outputs) = specs(&case, DType::F32);
            let cost = cost(&case.op, &inputs, &outputs);
            let instructions = u64::from(!matches!(case.op, Op::Reshape { .. }));
            assert_eq!(
                (used.flops, used.bytes, used.instructions),
                (cost.flops, cost.bytes, instructions),
                "{case} on {}",
                device.name()
            );
        }
    }
}
