//! Gradients against finite differences.

use scaledown_sdk::tensor::no_grad;
use scaledown_sdk::{DType, Device, Op, Result, Tensor};

use super::cases::{CaseKind, Input};
use super::forward::{close, tolerance};
use super::{Case, CaseResult, exact_device, fits, floats};

/// Half the distance of the two points of a difference: the cube root of f64's precision.
const STEP: f64 = 6e-6;
/// f64's precision after a difference quotient, with room for curvature.
const DIFFERENCE_TOLERANCE: f64 = 1e-7;

/// Compares the gradient of each float input of a case with central differences in f64, asks for
/// each gradient alone, and compares the gradients in narrower types with those in f64.
///
/// # Errors
/// If an instruction fails, or a gradient is missing, unwanted, misshapen or wrong.
pub fn check_gradient(device: &Device, case: &Case) -> CaseResult {
    let wanted: Vec<bool> = case.inputs.iter().map(|input| input.kind == CaseKind::Float).collect();
    let exact_device = exact_device(device);
    let in_f64 = &exact_device;
    let all = gradients(in_f64, case, DType::F64, &wanted)?;
    for index in (0..wanted.len()).filter(|&index| wanted[index]) {
        let found = all[index].as_ref().ok_or_else(|| format!("input {index} has no gradient"))?;
        let differences = differences(in_f64, case, index)?;
        close(found, &differences, DIFFERENCE_TOLERANCE, 1.0).map_err(|error| format!("input {index}: {error}"))?;

        let alone: Vec<bool> = (0..wanted.len()).map(|other| other == index).collect();
        let found_alone = gradients(in_f64, case, DType::F64, &alone)?;
        if found_alone.iter().flatten().count() != 1 {
            return Err(format!("{} gradients for input {index} alone", found_alone.iter().flatten().count()).into());
        }
        if let Some(found_alone) = &found_alone[index] {
            close(found_alone, &exact(found)?, tolerance(DType::F64), 1.0)
                .map_err(|error| format!("input {index} alone: {error}"))?;
        }
    }
    floats(device).into_iter().filter(|&dtype| fits(device, case, dtype)).try_for_each(|dtype| {
        check_narrow(device, in_f64, case, dtype, &wanted).map_err(|error| format!("{dtype}: {error}").into())
    })
}

/// Compares gradients in `dtype` with those in f64 at the same, rounded, point.
fn check_narrow(device: &Device, in_f64: &Device, case: &Case, dtype: DType, wanted: &[bool]) -> CaseResult {
    let rounded = |input: &Input| Ok(Input { values: exact(&input.upload(device, dtype)?)?.values, ..input.clone() });
    let case = Case::new(case.op.clone(), case.inputs.iter().map(rounded).collect::<Result<Vec<_>>>()?);
    let expected = gradients(in_f64, &case, DType::F64, wanted)?;
    for (index, (found, expected)) in gradients(device, &case, dtype, wanted)?.iter().zip(&expected).enumerate() {
        let (Some(found), Some(expected)) = (found, expected) else { continue };
        if found.dtype() != dtype {
            return Err(format!("input {index}: expected a gradient of its type, found {}", found.dtype()).into());
        }
        // A rule is several instructions, and the upstream gradient is rounded as well.
        close(found, &exact(expected)?, 4.0 * tolerance(dtype), 1.0).map_err(|error| format!("input {index}: {error}"))?;
    }
    Ok(())
}

fn exact(x: &Tensor) -> Result<Input> {
    Ok(Input { shape: x.shape().clone(), values: x.to_data()?.to_f64(), kind: CaseKind::Fixed(x.dtype()) })
}

/// The gradients of the inputs that are wanted, of a sum of the first output's elements with fixed
/// weights.
fn gradients(device: &Device, case: &Case, dtype: DType, wanted: &[bool]) -> Result<Vec<Option<Tensor>>> {
    let upload = |(input, &wanted): (&Input, &bool)| {
        let tensor = input.upload(device, dtype)?;
        if wanted { tensor.leaf() } else { Ok(tensor) }
    };
    let inputs = case.inputs.iter().zip(wanted).map(upload).collect::<Result<Vec<_>>>()?;
    let mut gradients = weighted_sum(device, case, dtype, &inputs)?.backward()?;
    let found = inputs.iter().map(|input| gradients.take(input)).collect();
    Ok(found)
}

fn weighted_sum(device: &Device, case: &Case, dtype: DType, inputs: &[Tensor]) -> Result<Tensor> {
    let outputs = Tensor::apply(case.op.clone(), &inputs.iter().collect::<Vec<_>>())?;
    // Every differentiable instruction has a first output, and every weight of it is exact in every
    // type.
    let all = matches!(case.op, Op::Split { .. } | Op::AddRmsNorm { .. } | Op::AddLayerNorm { .. });
    let judged = if all { &outputs[..] } else { &outputs[..1] };
    let weighted = judged.iter().zip(99..).map(|(output, seed)| {
        let weights = Input::integers(output.shape(), seed, -8, 8, DType::I64).of(CaseKind::Fixed(output.dtype()));
        output.mul(&weights.upload(device, dtype)?)?.sum_all()
    });
    let mut sums = weighted.collect::<Result<Vec<_>>>()?.into_iter();
    let first = sums.next().ok_or_else(|| scaledown_sdk::Error::Autodiff("there is no output".into()))?;
    sums.try_fold(first, |total, sum| total.add(&sum))
}

/// `(f(x + STEP) - f(x - STEP)) / (2 STEP)` for each element of an input.
fn differences(device: &Device, case: &Case, index: usize) -> Result<Input> {
    let at = |element: usize, step: f64| {
        let mut inputs = case.inputs.clone();
        inputs[index].values[element] += step;
        let inputs = inputs.iter().map(|input| input.upload(device, DType::F64)).collect::<Result<Vec<_>>>()?;
        no_grad(|| weighted_sum(device, case, DType::F64, &inputs))?.scalar()
    };
    let input = &case.inputs[index];
    let quotient = |element| Ok((at(element, STEP)? - at(element, -STEP)?) / (2.0 * STEP));
    let values = (0..input.values.len()).map(quotient).collect::<Result<Vec<_>>>()?;
    Ok(Input { values, ..input.clone() })
}
