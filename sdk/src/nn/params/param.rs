//! A parameter, and the replacement of many at once.

use std::sync::{Arc, PoisonError, RwLock};

use crate::tensor::Tensor;
use crate::{Error, Result};

/// A parameter: a named tensor that the optimizer may replace. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Param(Arc<Cell>);

#[derive(Debug)]
struct Cell {
    name: String,
    trainable: bool,
    value: RwLock<Tensor>,
}

impl Param {
    pub(super) fn new(name: String, value: &Tensor, trainable: bool) -> Result<Self> {
        let value = if trainable { value.leaf()? } else { value.detach() };
        Ok(Param(Arc::new(Cell { name, trainable, value: RwLock::new(value) })))
    }

    /// The full name, `layers.0.self_attn.q_proj.weight`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether a gradient is wanted.
    #[must_use]
    pub fn trainable(&self) -> bool {
        self.0.trainable
    }

    /// The present value; a leaf of the autodiff graph if the parameter is trainable.
    #[must_use]
    pub fn tensor(&self) -> Tensor {
        self.0.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// [`Error::Weights`] if the new value has another shape or type.
    pub fn set(&self, value: &Tensor) -> Result<()> {
        let mut slot = self.0.value.write().unwrap_or_else(PoisonError::into_inner);
        if slot.spec() != value.spec() {
            return Err(Error::Weights(format!("{} is {}, cannot become {}", self.0.name, slot.spec(), value.spec())));
        }
        *slot = if self.0.trainable { value.leaf_in_place_of(slot.leaf_id())? } else { value.detach() };
        Ok(())
    }
}

/// Gives the values of parameters to `update` and stores what it returns, in the same order. The
/// values are unshared meanwhile unless a clone of one is kept elsewhere, so that a device can
/// update them in place.
///
/// # Errors
/// Those of `update`, or if it returns too few values; the parameters then keep `placeholder`, and
/// must not be used.
pub(in crate::nn) fn update_all(
    params: &[&Param],
    placeholder: &Tensor,
    update: impl FnOnce(Vec<Tensor>) -> Result<Vec<Tensor>>,
) -> Result<()> {
    let mut slots: Vec<_> = params.iter().map(|param| param.0.value.write().unwrap_or_else(PoisonError::into_inner)).collect();
    let ids: Vec<_> = slots.iter().map(|slot| slot.leaf_id()).collect();
    let values = slots.iter_mut().map(|slot| std::mem::replace(&mut **slot, placeholder.clone()).detached()).collect();
    let updated = update(values)?;
    if updated.len() != params.len() {
        return Err(Error::Weights(format!("expected {} updated parameters, found {}", params.len(), updated.len())));
    }
    for (((slot, param), id), value) in slots.iter_mut().zip(params).zip(ids).zip(updated) {
        **slot = if param.0.trainable { value.leaf_in_place_of(id)? } else { value };
    }
    Ok(())
}
