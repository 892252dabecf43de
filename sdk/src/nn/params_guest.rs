//! Named parameters in a WASM guest: handles to the host's, which keeps, trains and saves them.

use std::sync::Arc;

use super::lora::AdapterSwitch;
use super::{Init, LoraConfig};
use crate::guest::bindings::scaledown::plugin::params as host;
use crate::guest::error::from_host;
use crate::guest::{dtype_from_wit, shape_to_wit};
use crate::tensor::{DType, Device, Shape, Tensor, TensorSpec};
use crate::{Error, Result};

/// A parameter: a named tensor that the optimizer may replace. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Param(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    trainable: bool,
    handle: host::Parameter,
    spec: TensorSpec,
}

impl Param {
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

    /// The present value; gradients flow to the parameter if it is trainable.
    #[must_use]
    pub fn tensor(&self) -> Tensor {
        Tensor::new(self.0.handle.tensor(), self.0.spec.clone())
    }

    /// Parameters are the host's to change.
    ///
    /// # Errors
    /// Always.
    pub fn set(&self, _value: &Tensor) -> Result<()> {
        Err(Error::Weights(format!("{} cannot be changed by a component", self.0.name)))
    }
}

/// The parameters of a model under one path, as a module sees them while it is built.
#[derive(Clone, Debug)]
pub struct Params {
    prefix: String,
    trainable: bool,
}

impl Params {
    /// The component's parameters.
    pub(crate) fn of_host() -> Self {
        Params { prefix: String::new(), trainable: true }
    }

    /// The parameters under `name` of this path.
    #[must_use]
    pub fn pp(&self, name: impl std::fmt::Display) -> Self {
        Params { prefix: self.full(&name.to_string()), ..self.clone() }
    }

    /// The same path, but without gradients.
    #[must_use]
    pub fn frozen(&self) -> Self {
        Params { trainable: false, ..self.clone() }
    }

    /// The same path, with gradients.
    #[must_use]
    pub fn trained(&self) -> Self {
        Params { trainable: true, ..self.clone() }
    }

    /// The same path: a component's parameters are all new.
    #[must_use]
    pub fn fresh(&self) -> Self {
        self.clone()
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.prefix
    }

    /// The device that values live on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &Device::HOST
    }

    /// The type that values are stored in.
    #[must_use]
    pub fn dtype(&self) -> DType {
        dtype_from_wit(host::stored_dtype())
    }

    /// A component's layers get no adapter.
    #[must_use]
    pub fn lora(&self) -> Option<&LoraConfig> {
        None
    }

    /// The switch of adapters; a component has none.
    pub(super) fn adapter_switch(&self) -> AdapterSwitch {
        AdapterSwitch::default()
    }

    /// A component's layers get no adapters.
    pub(super) fn note_linear(&self) {}

    /// A component has no stored weights, and so no extra ones.
    pub fn tolerate(&self, _name: &str) {}

    /// A component has no stored weights that could differ.
    ///
    /// # Errors
    /// None.
    pub fn tolerate_copy(&self, _name: &str, _original: &str) -> Result<()> {
        Ok(())
    }

    /// The parameter `name` under this path. Asking twice gives the same parameter.
    ///
    /// # Errors
    /// If the host cannot make it.
    pub fn get(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Param> {
        let name = self.full(name);
        let init = match init {
            Init::Constant(value) => host::Init::Constant(value),
            Init::Normal(std) => host::Init::Normal(std),
            Init::Uniform(bound) => host::Init::Uniform(bound),
        };
        let spec = TensorSpec::new(self.dtype(), shape);
        let handle = host::get(&name, &shape_to_wit(&spec.shape), init, self.trainable);
        let handle = handle.map_err(|error| from_host("parameter", error).at(&name))?;
        Ok(Param(Arc::new(Inner { name, trainable: self.trainable, handle, spec })))
    }

    /// The weight `name` of a linear layer, as [`Params::get`] gives it: a component's weights are
    /// not quantised.
    ///
    /// # Errors
    /// If the host cannot make it.
    pub(super) fn weight(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Param> {
        self.get(name, shape, init)
    }

    /// The weight `name` of an embedding table, as [`Params::get`] gives it.
    ///
    /// # Errors
    /// If the host cannot make it.
    pub(super) fn table(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Param> {
        self.get(name, shape, init)
    }

    fn full(&self, name: &str) -> String {
        if self.prefix.is_empty() || name.is_empty() {
            format!("{}{name}", self.prefix)
        } else {
            format!("{}.{name}", self.prefix)
        }
    }
}
