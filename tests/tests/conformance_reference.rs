//! The suite of devices on the reference device: the decompositions against finite differences, and
//! the suite against itself.

use scaledown_conformance::device::{self, reference::Reference};
use scaledown_sdk::Device;

#[test]
fn the_reference_device_conforms() {
    let report = device::check("the reference", &Device::new(Reference));
    assert!(report.passed(), "{report}");
}
