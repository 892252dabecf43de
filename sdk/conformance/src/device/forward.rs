//! Outputs against the reference device, and inputs that come out of layout instructions.

use scaledown_sdk::tensor::{BinaryOp, ReduceOp};
use scaledown_sdk::{DType, Device, Op, Result, Tensor, TensorData};

use super::cases::{Input, apply};
use super::{Case, CaseResult, fits};
use crate::device::reference::round;

/// Runs a case in `dtype` and compares every output with the reference device's.
///
/// # Errors
/// If the instruction fails, or an output has another type, shape or value.
pub fn check_forward(device: &Device, case: &Case, dtype: DType) -> CaseResult {
    let inputs = upload(device, case, dtype)?;
    let actual = apply(&case.op, &inputs, device)?;
    let expected = case.reference(dtype)?;
    if actual.len() != expected.len() {
        return Err(format!("expected {} outputs, found {}", expected.len(), actual.len()).into());
    }
    for (index, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
        let exact = exact(&case.op) || !actual.dtype().is_float();
        let (tolerance, floor) = if exact { (0.0, 0.0) } else { (tolerance(dtype), floor(dtype)) };
        close(actual, expected, tolerance, floor).map_err(|error| format!("output {index}: {error}"))?;
    }
    Ok(())
}

/// Runs a case on inputs that come out of a permutation, a slice and a broadcast, and compares with
/// plain inputs bit for bit.
///
/// # Errors
/// If the instruction fails, or an output differs.
pub fn check_layouts(device: &Device, case: &Case) -> CaseResult {
    let dtype = if fits(device, case, DType::F32) { DType::F32 } else { DType::BF16 };
    if case.inputs.is_empty() || !fits(device, case, dtype) {
        return Ok(());
    }
    let inputs = upload(device, case, dtype)?;
    let plain = outputs(case, &inputs, device)?;
    for (name, moved) in [("permuted", permuted as fn(&Tensor) -> Result<Tensor>), ("sliced", sliced), ("broadcast", broadcast)] {
        let inputs = inputs.iter().map(moved).collect::<Result<Vec<_>>>()?;
        if outputs(case, &inputs, device)? != plain {
            return Err(format!("{name} inputs give another result").into());
        }
    }
    Ok(())
}

pub(super) fn upload(device: &Device, case: &Case, dtype: DType) -> Result<Vec<Tensor>> {
    case.inputs.iter().map(|input| input.upload(device, dtype)).collect()
}

fn outputs(case: &Case, inputs: &[Tensor], device: &Device) -> Result<Vec<TensorData>> {
    apply(&case.op, inputs, device)?.iter().map(Tensor::to_data).collect()
}

fn permuted(x: &Tensor) -> Result<Tensor> {
    let reversed: Vec<usize> = (0..x.shape().rank()).rev().collect();
    x.permute(reversed.clone())?.permute(reversed)
}

fn sliced(x: &Tensor) -> Result<Tensor> {
    match x.dims().first() {
        Some(&extent) => Tensor::concat(&[x, x, x], 0)?.slice(0, extent, extent),
        None => Ok(x.clone()),
    }
}

fn broadcast(x: &Tensor) -> Result<Tensor> {
    x.broadcast_to([&[2], x.dims()].concat())?.slice(0, 1, 1)?.reshape(x.shape())
}

/// Whether an instruction only moves, selects or rounds elements.
fn exact(op: &Op) -> bool {
    matches!(
        op,
        Op::Fill { .. }
            | Op::Uniform { .. }
            | Op::Reshape { .. }
            | Op::Permute { .. }
            | Op::Broadcast { .. }
            | Op::Slice { .. }
            | Op::WriteSlice { .. }
            | Op::Concat { .. }
            | Op::Cast { .. }
            | Op::Select
            | Op::TopK { .. }
            | Op::Embedding
            | Op::Reduce { op: ReduceOp::Max, .. }
            | Op::Binary(BinaryOp::Maximum | BinaryOp::Minimum)
    )
}

/// The relative error that an instruction on inputs of a type may make. The wide types allow for
/// sums of some hundred terms, the narrow ones for the rounding of inputs of products on the way.
pub(super) fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 64.0 * f64::EPSILON,
        DType::F32 => 64.0 * f64::from(f32::EPSILON),
        DType::BF16 => 2.0 * f64::from(half::bf16::EPSILON),
        _ => 2.0 * f64::from(half::f16::EPSILON),
    }
}

/// The magnitude below which errors count as absolute ones. Inputs are of the order of 1, and so is
/// the rounding of what cancels among them; the tolerance of narrow types is too wide to be taken
/// of 1, but sums of them are made in f32, whose rounding stays where they cancel to nothing;
/// matrix units add up in an order of their own.
fn floor(dtype: DType) -> f64 {
    if matches!(dtype, DType::F64 | DType::F32) { 1.0 } else { 4e-3 }
}

/// Compares a tensor with elements that are exact before they are rounded to its type. The
/// tolerance is relative to an element plus the greatest one, or `floor` if that is more.
pub(super) fn close(actual: &Tensor, expected: &Input, tolerance: f64, floor: f64) -> std::result::Result<(), String> {
    if *actual.shape() != expected.shape {
        return Err(format!("expected shape {}, found {}", expected.shape, actual.shape()));
    }
    let values = actual.to_data().map_err(|error| error.to_string())?.to_f64();
    let greatest = expected.values.iter().filter(|value| value.is_finite()).fold(floor, |max: f64, value| max.max(value.abs()));
    for (index, (&a, &e)) in values.iter().zip(&expected.values).enumerate() {
        let rounded = round(actual.dtype(), e);
        let same = a == rounded || (a.is_nan() && rounded.is_nan());
        if !(same || (a - e).abs() <= tolerance * (e.abs() + greatest)) {
            return Err(format!("element {index}: expected {rounded}, found {a} (tolerance {tolerance:e})"));
        }
    }
    Ok(())
}
