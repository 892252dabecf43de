//! What an instance may use of the host: its own memory and tables, and the host's tensors.

use scaledown_sdk::{Error, Result, Tensor, TensorSpec};
use wasmtime::ResourceLimiter;

use crate::settings::Limits;

/// Counts what one instance uses, against its limits.
pub(crate) struct Meter {
    limits: Limits,
    /// The bytes of its memories.
    memory: usize,
    /// The elements of its tables.
    elements: usize,
    /// The bytes of the host's tensors that it may hold: by a handle, or by a history that was
    /// recorded in this call.
    tensors: usize,
    /// The bytes of `tensors` that handles hold.
    held: usize,
    /// The bytes of the parameters that it has asked for, which the host keeps.
    parameters: usize,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Meter { limits, memory: 0, elements: 0, tensors: 0, held: 0, parameters: 0 }
    }

    /// Notes that a call begins: what it may hold from now on are its handles.
    pub(crate) fn begin_call(&mut self) {
        self.tensors = self.held;
    }

    /// Asks for room for tensors that are about to be made.
    ///
    /// # Errors
    /// If that is more than the plugin may hold.
    pub(crate) fn ask(&self, specs: &[TensorSpec]) -> Result<()> {
        let wanted = specs.iter().map(bytes).fold(0, usize::saturating_add);
        let limit = Limits::bytes(self.limits.tensors);
        if self.tensors.saturating_add(wanted) <= limit {
            return Ok(());
        }
        Err(Error::Input(format!(
            "{} MiB of tensors are more than the plugin may hold; it holds {} MiB of at most {}: `tensors` in its limits",
            wanted >> 20,
            self.tensors >> 20,
            self.limits.tensors
        )))
    }

    /// Charges a new parameter, and its name.
    ///
    /// # Errors
    /// If its parameters are more than the plugin may hold.
    pub(crate) fn charge_parameter(&mut self, name: &str, spec: &TensorSpec) -> Result<()> {
        let wanted = self.parameters.saturating_add(bytes(spec)).saturating_add(name.len());
        if wanted > Limits::bytes(self.limits.tensors) {
            return Err(Error::Input(format!(
                "{} MiB of parameters are more than the plugin may hold, at most {}: `tensors` in its limits",
                wanted >> 20,
                self.limits.tensors
            )));
        }
        self.parameters = wanted;
        Ok(())
    }

    /// Checks that the instance has room for the elements of a tensor.
    ///
    /// # Errors
    /// If its memory is too small.
    pub(crate) fn ask_memory(&self, spec: &TensorSpec) -> Result<()> {
        let wanted = bytes(spec);
        if wanted <= Limits::bytes(self.limits.memory) {
            return Ok(());
        }
        Err(Error::Input(format!(
            "the {} MiB of a tensor are more than the plugin's memory of at most {} MiB: `memory` in its limits",
            wanted >> 20,
            self.limits.memory
        )))
    }

    /// Charges a tensor that the instance gets a handle to.
    pub(crate) fn charge(&mut self, tensor: &Tensor) {
        let bytes = bytes(tensor.spec());
        self.tensors = self.tensors.saturating_add(bytes);
        self.held = self.held.saturating_add(bytes);
    }

    /// Takes back the charge of a tensor whose handle is gone. What is recorded may still be held
    /// by a history.
    pub(crate) fn discharge(&mut self, tensor: &Tensor) {
        let bytes = bytes(tensor.spec());
        self.held = self.held.saturating_sub(bytes);
        if !tensor.has_gradient() {
            self.tensors = self.tensors.saturating_sub(bytes);
        }
    }
}

fn bytes(spec: &TensorSpec) -> usize {
    let elements = spec.shape.dims().iter().try_fold(1usize, |product, &extent| product.checked_mul(extent));
    elements.and_then(|elements| elements.checked_mul(spec.dtype.size())).unwrap_or(usize::MAX)
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > Limits::bytes(self.limits.memory) {
            wasmtime::bail!("it wants more than {} MiB of memory: `memory` in its limits", self.limits.memory);
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.elements.saturating_add(desired.saturating_sub(current));
        if u64::try_from(total).is_ok_and(|total| total > self.limits.table_elements) {
            wasmtime::bail!("it wants more than {} table elements: `table_elements` in its limits", self.limits.table_elements);
        }
        self.elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        1_000
    }

    fn tables(&self) -> usize {
        1_000
    }

    fn memories(&self) -> usize {
        100
    }
}

#[cfg(test)]
mod tests {
    use scaledown_sdk::{DType, Shape};

    use super::*;

    #[test]
    fn parameters_and_copies_have_an_end() {
        let spec = |elements: usize| TensorSpec::new(DType::F32, Shape::from(vec![elements]));
        let mut meter = Meter::new(Limits { tensors: 1, memory: 1, ..Limits::default() });
        meter.charge_parameter("first", &spec(1 << 17)).unwrap();
        let error = meter.charge_parameter("second", &spec(1 << 17)).unwrap_err().to_string();
        assert!(error.contains("`tensors` in its limits"), "{error}");
        meter.ask_memory(&spec(1 << 18)).unwrap();
        let error = meter.ask_memory(&spec((1 << 18) + 1)).unwrap_err().to_string();
        assert!(error.contains("`memory` in its limits"), "{error}");
    }
}
