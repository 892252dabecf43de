//! The suite on the CPU device.

use scaledown_cpu::{CpuBackend, CpuConfig};
use scaledown_sdk::Device;
use scaledown_tests::conformance;

#[test]
fn the_cpu_device_conforms() -> scaledown_sdk::Result<()> {
    conformance::run(&Device::new(CpuBackend::new(CpuConfig { threads: Some(2) })?));
    Ok(())
}
