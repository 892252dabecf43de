//! The device suite on a device that runs nothing before a read.

use scaledown_conformance::device;
use scaledown_sdk::Device;
use scaledown_tests::lazy::Lazy;

#[test]
fn a_lazy_device_conforms() {
    let report = device::check("the lazy device", &Device::new(Lazy::default()));
    assert!(report.passed(), "{report}");
}
