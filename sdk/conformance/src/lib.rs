//! The contracts of ScaleDown's components as suites of checks, one for each kind.
//!
//! A suite takes a component, built from its registration or from a closure, and returns a
//! [`ConformanceReport`]: a list of named checks with what came of each. A suite never panics, and
//! a component that panics fails the check during which it did. So a command line can print a
//! report, and a test can assert that it [passed](ConformanceReport::passed).
//!
//! A plugin needs no test code of its own. Beside its manifest it has a file `conformance.toml`
//! with small configurations, written as those of a user are ([`Example`]); [`check`] finds the
//! plugin's registration, makes the component and runs the suite of its kind.
//!
//! | suite | what it checks |
//! | --- | --- |
//! | [`compressor`] | shapes, batches, gradients, checkpointing, saving, refusals |
//! | [`generator`] | padding, batches, decoding with a cache, adapters, gradients, refusals |
//! | [`retriever`] | searching, order of ties, replacing, failed and killed additions, reopening |
//! | [`reranker`] | independence of other documents, long and empty texts |
//! | [`teacher`] | independence of other questions, limits, end tokens, system messages |
//! | [`device`] | instructions, in every type that the device has |

mod compare;
pub mod compressor;
pub mod device;
mod example;
pub mod generator;
mod report;
pub mod reranker;
pub mod retriever;
mod run;
pub mod teacher;
mod tiny;

pub use example::{Example, ExampleError, FRESH};
pub use report::{Check, CheckFailure, CheckOutcome, Checked, ConformanceReport};
pub use run::{Setting, check};
