//! Creation and layout.

use super::{Lowering, Unsupported};
use crate::stablehlo::{ElementType, Id};

pub(super) fn fill(at: &mut Lowering, value: f64, element: ElementType, dims: &[usize]) -> Result<Id, Unsupported> {
    if element == ElementType::I32 && !(f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value) {
        return Err(format!("{value} does not fit the device's integers, which have 32 bits"));
    }
    Ok(at.builder.filled(element, value, dims))
}

pub(super) fn arange(at: &mut Lowering, start: i64, dims: &[usize]) -> Result<Id, Unsupported> {
    let element = at.index();
    let end = start.saturating_add(dims.first().map_or(0, |&len| len as i64));
    if element == ElementType::I32 && (i32::try_from(start).is_err() || i32::try_from(end).is_err()) {
        return Err(format!("{start} to {end} do not fit the device's integers, which have 32 bits"));
    }
    let steps = at.builder.iota(element, dims, 0);
    if start == 0 {
        return Ok(steps);
    }
    let bits = if element == ElementType::I32 { u64::from(start as i32 as u32) } else { start as u64 };
    let start = at.builder.bits(element, bits);
    Ok(at.builder.binary(crate::stablehlo::Binary::Add, steps, start))
}

/// The place is a run-time number.
pub(super) fn write_slice(at: &mut Lowering, base: Id, update: Id, dim: usize) -> Result<Id, Unsupported> {
    let start = at.word()?;
    if at.builder.ty(update).count() == 0 {
        return Ok(base);
    }
    let start = at.builder.convert(start, ElementType::I32);
    let zero = at.builder.constant(ElementType::I32, 0.0);
    let starts: Vec<Id> = (0..at.builder.dims(base).len()).map(|i| if i == dim { start } else { zero }).collect();
    Ok(at.builder.update(base, update, &starts))
}

pub(super) fn concat(at: &mut Lowering, parts: &[Id], dim: usize, dims: &[usize]) -> Id {
    let parts: Vec<Id> = parts.iter().copied().filter(|&part| at.builder.ty(part).count() > 0).collect();
    at.builder.concatenate(&parts, dim, dims)
}
