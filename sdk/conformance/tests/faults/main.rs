//! Planted faults: each suite finds components that break a promise, and passes one that keeps them
//! all.

mod compressor;
mod device;
mod generator;
mod reranker;
mod retriever;
mod teacher;

use scaledown_conformance::ConformanceReport;

/// Asserts that a component without a fault passes.
fn assert_passes(report: &ConformanceReport) {
    assert!(report.passed(), "{report}");
}

/// Asserts that the fault is found by the check whose name has `check` in it.
fn assert_found(report: &ConformanceReport, fault: &impl std::fmt::Debug, check: &str) {
    let known: Vec<_> = report.checks.iter().filter(|found| found.name.contains(check)).collect();
    assert_eq!(known.len(), 1, "the words {check:?} name one check:\n{report}");
    assert!(report.failures().any(|failure| failure.name.contains(check)), "{fault:?} was not found by {check:?}:\n{report}");
}
