//! Some instructions of the suite of devices: what `.ci/cuda-faults` runs on kernels with a planted
//! fault.

use scaledown_conformance::device::{cases, check_forward};
use scaledown_cuda_emulator::{Emulator, Options};
use scaledown_sdk::DType;

#[test]
#[ignore = "needs SCALEDOWN_FAULT_OPS, which .ci/cuda-faults sets"]
fn the_instructions_that_are_named_give_the_results_of_the_reference() {
    let names = std::env::var("SCALEDOWN_FAULT_OPS").expect("SCALEDOWN_FAULT_OPS names instructions");
    let named: Vec<&str> = names.split(',').collect();
    let cases: Vec<_> = cases::all().into_iter().filter(|case| named.contains(&case.op.name())).collect();
    assert!(!cases.is_empty(), "there is no instruction {names}");
    for order in [0, 1] {
        let device = Emulator::device(Options { order, ..Options::default() }).unwrap();
        for case in &cases {
            for dtype in [DType::F32, DType::BF16] {
                check_forward(&device, case, dtype).unwrap_or_else(|error| panic!("{case} in {dtype}, order {order}: {error}"));
            }
        }
    }
}
