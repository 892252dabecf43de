//! Comparison of numbers.

use scaledown_sdk::{Result, Tensor};

use crate::report::{CheckFailure, Checked, ensure};

/// How far two computations of one number in f32 may lie apart, relative to the greatest number of
/// the two.
pub(crate) const NEAR: f64 = 2e-4;

/// The elements of a tensor.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.to_data()?.to_f64())
}

/// Whether the numbers are those expected, within [`NEAR`], and finite.
pub(crate) fn near(what: &str, found: &[f64], expected: &[f64]) -> Checked {
    ensure(found.len() == expected.len(), what, format!("{} numbers", expected.len()), found.len())?;
    let greatest = expected.iter().fold(1e-3_f64, |greatest, x| greatest.max(x.abs()));
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let distance = (found - expected).abs();
        // The distance to a NaN is a NaN, which is not near.
        ensure(distance <= NEAR * greatest, format!("{what}, number {at}"), expected, found)?;
    }
    Ok(())
}

/// Whether the numbers are those expected, bit by bit.
pub(crate) fn same(what: &str, found: &[f64], expected: &[f64]) -> Checked {
    ensure(found.len() == expected.len(), what, format!("{} numbers", expected.len()), found.len())?;
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        ensure(found.to_bits() == expected.to_bits(), format!("{what}, number {at}"), expected, found)?;
    }
    Ok(())
}

/// Whether some number differs from the expected one by more than [`NEAR`].
pub(crate) fn differ(what: &str, found: &[f64], expected: &[f64]) -> Checked {
    match near(what, found, expected) {
        Err(_) => Ok(()),
        Ok(()) => Err(CheckFailure::differs(what, "other numbers", "the same numbers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_said() {
        assert!(near("x", &[1.0, 100.0], &[1.01, 100.0]).is_ok());
        assert!(
            near("x", &[1.0], &[1.01]).is_err() && near("x", &[f64::NAN], &[1.0]).is_err() && near("x", &[], &[1.0]).is_err()
        );
        assert!(same("x", &[1.0], &[1.0]).is_ok() && same("x", &[0.0], &[-0.0]).is_err());
        assert!(differ("x", &[1.0], &[2.0]).is_ok() && differ("x", &[1.0], &[1.0]).is_err());
    }
}
