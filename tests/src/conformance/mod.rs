//! What every device must do: one suite for the whole instruction set, fused kernels and all.
//!
//! [`run`] checks, of the device that it is given,
//! - every instruction's outputs, in every floating-point type, against the [`Reference`](crate::reference::Reference) device, which runs
//!   decompositions in f64;
//! - that inputs which come out of a permutation, a slice or a broadcast are as good as any;
//! - the gradient of every differentiable instruction against finite differences in f64;
//! - that an instruction changes no tensor that somebody still holds, and that it refuses values out of range.
//!
//! A plugin's whole test of its kernels is a call of [`run`].

pub mod cases;
mod forward;
mod gradient;
mod ownership;

pub use cases::Case;
pub use forward::{check_forward, check_layouts};
pub use gradient::check_gradient;
pub use ownership::{check_ownership, check_values};

use scaledown_sdk::{DType, Device};

/// The result of one check; the error says what went wrong where.
pub type Check = Result<(), Box<dyn std::error::Error>>;

/// The floating-point types that a device must have.
pub const FLOATS: [DType; 4] = [DType::F64, DType::F32, DType::BF16, DType::F16];

/// Runs the suite.
///
/// # Panics
/// If a check fails; the message lists all that did.
pub fn run(device: &Device) {
    let mut failures = Vec::new();
    let mut note = |what: String, check: Check| {
        if let Err(error) = check {
            failures.push(format!("{what}: {error}"));
        }
    };
    for case in cases::all() {
        for dtype in FLOATS {
            note(format!("{case} in {dtype}"), check_forward(device, &case, dtype));
        }
        note(format!("{case} with moved inputs"), check_layouts(device, &case));
        note(format!("{case} with inputs that are held"), check_ownership(device, &case));
    }
    for case in cases::differentiable() {
        note(format!("gradient of {case}"), check_gradient(device, &case));
    }
    note("values out of range".into(), check_values(device));
    assert!(failures.is_empty(), "{} of {} fails:\n{}", failures.len(), device.name(), failures.join("\n"));
}
