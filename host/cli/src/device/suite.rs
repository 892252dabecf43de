//! Every instruction of the contract, as far as the device has its types.

use std::time::Instant;

use scaledown_conformance::CheckOutcome;
use scaledown_conformance::device;
use scaledown_sdk::Device;
use serde::Serialize;

/// What came of the suite.
#[derive(Debug, Serialize)]
pub(super) struct Suite {
    pub(super) passed: usize,
    /// The checks that failed, with why.
    pub(super) failed: Vec<String>,
    pub(super) seconds: f64,
}

impl Suite {
    pub(super) fn run(device: &Device) -> Self {
        let began = Instant::now();
        let report = device::check(device.name(), device);
        let passed = report.checks.iter().filter(|check| check.outcome == CheckOutcome::Passed).count();
        let failed = report.checks.iter().filter_map(|check| match &check.outcome {
            CheckOutcome::Failed(why) => Some(format!("{}: {why}", check.name)),
            CheckOutcome::Passed | CheckOutcome::Skipped(_) => None,
        });
        Suite { passed, failed: failed.collect(), seconds: began.elapsed().as_secs_f64() }
    }

    pub(super) fn summary(&self) -> String {
        format!("{} checks passed, {} failed, in {:.0} s", self.passed, self.failed.len(), self.seconds)
    }
}
