//! Checks of overwriting, and of invalid values.

use scaledown_sdk::{DType, Device, Op, Result, Tensor, TensorData};

use super::forward::upload;
use super::{Case, CaseResult, fits};

/// Runs a case on inputs that are held elsewhere, which must not change, and on inputs that are
/// given away, which must give the same outputs.
///
/// # Errors
/// If the instruction fails, changes an input, or gives other outputs.
pub fn check_ownership(device: &Device, case: &Case) -> CaseResult {
    if case.inputs.is_empty() {
        return Ok(());
    }
    for dtype in [DType::F32, DType::BF16].into_iter().filter(|&dtype| fits(device, case, dtype)) {
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
pub fn check_values(device: &Device) -> CaseResult {
    let dtype = if device.info().dtypes.contains(&DType::F32) { DType::F32 } else { DType::BF16 };
    let table = device.zeros(dtype, [3, 2])?;
    for (id, good) in [(0, true), (2, true), (3, false), (-1, false), (i64::MAX, false), (i64::MIN, false)] {
        let Some(ids) = integer(device, id)? else { continue };
        let grad = device.zeros(dtype, [1, 2])?;
        expect(&format!("embedding id {id} of 3"), good, table.embedding(&ids))?;
        let backward = Tensor::apply(Op::EmbeddingBackward { rows: 3 }, &[&grad, &ids]);
        expect(&format!("embedding_backward id {id} of 3"), good, backward)?;
    }
    for (target, good) in [(1, true), (-1, true), (i64::MIN, true), (2, false), (i64::MAX, false)] {
        let logits = device.zeros(dtype, [1, 2])?;
        let Some(targets) = integer(device, target)? else { continue };
        expect(&format!("target {target} of 2"), good, logits.cross_entropy(&targets))?;
    }
    Ok(())
}

/// A tensor of one integer; none if the device stores integers in 32 bits and refuses this one.
fn integer(device: &Device, value: i64) -> Result<Option<Tensor>> {
    match device.from_slice(&[value], [1]) {
        Ok(tensor) => Ok(Some(tensor)),
        Err(_) if i32::try_from(value).is_err() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Memory is charged when a tensor is created and released when it is dropped, anywhere.
///
/// # Errors
/// If memory is charged without an owner, or not charged.
pub fn check_memory(device: &Device) -> CaseResult {
    let dtype = if device.info().dtypes.contains(&DType::F32) { DType::F32 } else { DType::BF16 };
    device.synchronize()?;
    let before = device.memory().live;
    let held = device.zeros(dtype, [1000])?.affine(2.0, 1.0)?;
    device.synchronize()?;
    let charged = device.memory().live - before;
    if charged < held.spec().bytes() as u64 {
        return Err(format!("a tensor of {} bytes is charged as {charged}", held.spec().bytes()).into());
    }
    // A tensor may be dropped by another thread than the one that made it.
    std::thread::scope(|scope| scope.spawn(move || drop(held)).join()).map_err(|_| "dropping a tensor panicked")?;
    device.synchronize()?;
    match device.memory().live {
        live if live == before => Ok(()),
        live => Err(format!("{} bytes are still held after all tensors are dropped", live.saturating_sub(before)).into()),
    }
}

fn expect<T>(what: &str, good: bool, result: Result<T>) -> CaseResult {
    match (good, result) {
        (true, Err(error)) => Err(format!("{what} was refused: {error}").into()),
        (false, Ok(_)) => Err(format!("{what} was taken").into()),
        _ => Ok(()),
    }
}
