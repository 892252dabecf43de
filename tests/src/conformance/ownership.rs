//! What an instruction may overwrite, and which values it must refuse.

use scaledown_sdk::{DType, Device, Op, Result, Tensor, TensorData};

use super::forward::upload;
use super::{Case, Check};

/// Runs a case on inputs that are held elsewhere, which must not change, and on inputs that are given away, which must give the same outputs.
///
/// # Errors
/// If the instruction fails, changes an input, or gives other outputs.
pub fn check_ownership(device: &Device, case: &Case) -> Check {
    if case.inputs.is_empty() {
        return Ok(());
    }
    for dtype in [DType::F32, DType::BF16] {
        let held = upload(device, case, dtype)?;
        let before = contents(&held)?;
        let shared = contents(&Tensor::apply(case.op.clone(), &held.iter().collect::<Vec<_>>())?)?;
        if contents(&held)? != before {
            return Err(format!("an input changed in {dtype}").into());
        }
        let given = contents(&Tensor::apply_owned(case.op.clone(), upload(device, case, dtype)?)?)?;
        if given != shared {
            return Err(format!("inputs that are given away give other outputs in {dtype}").into());
        }
    }
    Ok(())
}

fn contents(tensors: &[Tensor]) -> Result<Vec<TensorData>> {
    tensors.iter().map(Tensor::to_data).collect()
}

/// Ids and targets out of range must be errors.
///
/// # Errors
/// If one is taken, or a good one refused.
pub fn check_values(device: &Device) -> Check {
    let table = device.zeros(DType::F32, [3, 2])?;
    for (id, good) in [(0, true), (2, true), (3, false), (-1, false), (i64::MAX, false), (i64::MIN, false)] {
        let ids = device.from_slice(&[id], [1])?;
        let grad = device.zeros(DType::F32, [1, 2])?;
        expect(&format!("embedding id {id} of 3"), good, table.embedding(&ids))?;
        let backward = Tensor::apply(Op::EmbeddingBackward { rows: 3 }, &[&grad, &ids]);
        expect(&format!("embedding_backward id {id} of 3"), good, backward)?;
    }
    for (target, good) in [(1, true), (-1, true), (i64::MIN, true), (2, false), (i64::MAX, false)] {
        let logits = device.zeros(DType::F32, [1, 2])?;
        let targets = device.from_slice(&[target], [1])?;
        expect(&format!("target {target} of 2"), good, logits.cross_entropy(&targets))?;
    }
    Ok(())
}

fn expect<T>(what: &str, good: bool, result: Result<T>) -> Check {
    match (good, result) {
        (true, Err(error)) => Err(format!("{what} was refused: {error}").into()),
        (false, Ok(_)) => Err(format!("{what} was taken").into()),
        _ => Ok(()),
    }
}
