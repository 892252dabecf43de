//! The suite of devices on the emulated card, with two orders of warps.

use scaledown_conformance::device;
use scaledown_cuda_emulator::{Emulator, Options};

fn conforms(options: Options) {
    let device = Emulator::device(options).unwrap();
    let report = device::check(format!("the emulated card, {options:?}"), &device);
    assert!(report.passed(), "{report}");
}

#[test]
fn the_emulated_card_conforms() {
    conforms(Options::default());
}

#[test]
fn the_emulated_card_conforms_with_warps_in_descending_order_and_everything_late() {
    conforms(Options { order: 1, late: true, keeps_memory: true, plain_products: true, ..Options::default() });
}
