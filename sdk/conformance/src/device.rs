//! The suite of devices.
//!
//! Its place: the checks of instructions, gradients and ownership move here from the workspace's tests.
