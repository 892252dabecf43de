//! Boundaries between layers in a WASM guest, which does not choose where the host's device ends
//! its programs.

use crate::Result;
use crate::tensor::Tensor;

/// `x` itself.
///
/// # Errors
/// None.
pub fn boundary(x: &Tensor) -> Result<Tensor> {
    Ok(x.clone())
}
