//! The suite on a device that runs nothing before somebody reads.

use scaledown_sdk::Device;
use scaledown_tests::conformance;
use scaledown_tests::lazy::Lazy;

#[test]
fn a_lazy_device_conforms() {
    conformance::run(&Device::new(Lazy::default()));
}
