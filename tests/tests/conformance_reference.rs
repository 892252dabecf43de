//! The suite on the reference device: the decompositions against finite differences, and the suite against itself.

use scaledown_sdk::Device;
use scaledown_tests::{conformance, reference::Reference};

#[test]
fn the_reference_device_conforms() {
    conformance::run(&Device::new(Reference));
}
