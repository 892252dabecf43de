//! The suite of devices on XLA's plugin for the CPU.

mod common;

use scaledown_conformance::device;
use scaledown_sdk::Device;

#[test]
#[ignore = "needs a PJRT plugin, which .ci/pjrt fetches"]
fn xla_on_the_cpu_conforms() {
    let backend = common::backend();
    let report = device::check("XLA on the CPU", &Device::new(backend.clone()));
    println!("{:#?}", backend.stats());
    assert!(report.passed(), "{report}");
}
