//! The suite of devices: the whole instruction set, fused kernels and all.
//!
//! [`check`] checks, of the device that it is given and in each type that the device has,
//! - every instruction's outputs against the [`Reference`] device, which runs decompositions in
//!   f64;
//! - that inputs which come out of a permutation, a slice or a broadcast are as good as any;
//! - that an instruction changes no tensor that is still referenced, and gives the same result for
//!   tensors that are not;
//! - the gradient of every differentiable instruction: in f64 against finite differences (on the
//!   reference device, where the device has no f64), and in the device's other types against those
//!   in f64;
//! - that it refuses values out of range, and keeps the books of its memory.

pub mod cases;
mod forward;
mod gradient;
mod ownership;
pub mod reference;

pub use cases::Case;
pub use forward::{check_forward, check_layouts};
pub use gradient::check_gradient;
pub use ownership::{check_memory, check_ownership, check_values};

use reference::Reference;
use scaledown_sdk::tensor::infer;
use scaledown_sdk::{DType, Device, Op, TensorSpec};

use crate::report::{CheckFailure, Checked, ConformanceReport};

/// The result of one case; the error says what went wrong where.
pub type CaseResult = Result<(), Box<dyn std::error::Error>>;

/// The floating-point types of the contract.
pub const FLOATS: [DType; 4] = [DType::F64, DType::F32, DType::BF16, DType::F16];

/// Runs the suite on a device that messages call `name`.
#[must_use]
pub fn check(name: impl Into<String>, device: &Device) -> ConformanceReport {
    let mut report = ConformanceReport::new(name);
    let floats = floats(device);
    report.run("the device has f32 or bf16", || {
        let usable = floats.iter().any(|dtype| matches!(dtype, DType::F32 | DType::BF16));
        crate::report::ensure(usable, "its element types", "f32 or bf16 among them", format!("{floats:?}"))
    });
    for declaration in Op::TABLE {
        let of_op = |cases: Vec<Case>| cases.into_iter().filter(move |case| case.op.name() == declaration.name);
        let forward: Vec<Case> = of_op(cases::all()).collect();
        report.run(format!("{} gives the results of the reference", declaration.name), || {
            every(&forward, |case| {
                (floats.iter().filter(|&&dtype| fits(device, case, dtype))).try_for_each(|&dtype| {
                    check_forward(device, case, dtype).map_err(|error| format!("in {dtype}: {error}").into())
                })
            })
        });
        report.run(format!("{} takes inputs of any origin, and overwrites none that is held", declaration.name), || {
            every(&forward, |case| {
                check_layouts(device, case)?;
                check_ownership(device, case)
            })
        });
        let differentiable: Vec<Case> = of_op(cases::differentiable()).collect();
        if !differentiable.is_empty() {
            report.run(format!("{} has the right gradients", declaration.name), || {
                every(&differentiable, |case| check_gradient(device, case))
            });
        }
    }
    report.run("ids and targets out of range are refused", || judged(check_values(device)));
    report.run("memory is given back when tensors are dropped", || judged(check_memory(device)));
    report
}

/// The floating-point types that the device has.
#[must_use]
pub fn floats(device: &Device) -> Vec<DType> {
    let dtypes = device.info().dtypes;
    FLOATS.into_iter().filter(|dtype| dtypes.contains(dtype)).collect()
}

/// Whether the device has all types of a case that runs in `dtype`.
#[must_use]
pub fn fits(device: &Device, case: &Case, dtype: DType) -> bool {
    let dtypes = device.info().dtypes;
    let inputs: Vec<TensorSpec> = case.inputs.iter().map(|input| TensorSpec::new(input.dtype(dtype), &input.shape)).collect();
    let outputs = infer(&case.op, &inputs).unwrap_or_default();
    inputs.iter().chain(&outputs).all(|spec| dtypes.contains(&spec.dtype))
}

/// Where gradients are computed in f64: the device itself, if it has the type.
fn exact_device(device: &Device) -> Device {
    if floats(device).contains(&DType::F64) { device.clone() } else { Device::new(Reference) }
}

fn every(cases: &[Case], check: impl Fn(&Case) -> CaseResult) -> Checked {
    let failed = |case: &Case| check(case).err().map(|error| format!("{case}: {error}"));
    let failures: Vec<String> = cases.iter().filter_map(failed).collect();
    match failures.first() {
        None => Ok(()),
        Some(first) => Err(CheckFailure::differs(
            format!("{} of {} cases", failures.len(), cases.len()),
            "the results of the contract",
            // All of them would hide the first.
            first,
        )),
    }
}

fn judged(result: CaseResult) -> Checked {
    result.map_err(|error| CheckFailure::differs("the device", "what the contract says", error))
}
