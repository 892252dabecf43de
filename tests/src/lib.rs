//! Shared parts of the workspace-level tests.

pub mod component;
pub mod conformance;
pub mod lazy;
pub mod parity;
pub mod reference;
