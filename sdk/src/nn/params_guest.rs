//! Named parameters in a WASM guest: handles to the host's, which keeps, trains and saves them.

use std::sync::{Arc, OnceLock};

use super::lora::AdapterSwitch;
use super::{Init, LoraConfig, WeightSource};
use crate::guest::bindings::scaledown::plugin::params as host;
use crate::guest::error::from_host;
use crate::guest::{dtype_from_wit, shape_to_wit};
use crate::tensor::{DType, Device, Shape, Tensor, TensorData, TensorSpec};
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
    /// Where the stored weights of this scope begin.
    origin: Option<host::Origin>,
}

impl Params {
    /// The component's parameters.
    pub(crate) fn of_host() -> Self {
        Params { prefix: String::new(), trainable: true, origin: None }
    }

    /// The component's parameters, which start from the weights of its model.
    pub(crate) fn of_model() -> Self {
        let origin = host::Origin { model: None, root: String::new(), prefix: String::new() };
        Params { origin: Some(origin), ..Params::of_host() }
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

    /// The same path, with new parameters.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Params { origin: None, ..self.clone() }
    }

    /// The same path, with initial values from `source`, in which this path is called `prefix`. The
    /// host has the source: it is the generator's weights or [those of a
    /// model](HostWeights::of_model).
    #[must_use]
    pub fn initialised_from(&self, source: Arc<dyn WeightSource>, prefix: &str) -> Self {
        let model = Some(source.location()).filter(|location| !location.is_empty());
        let origin = host::Origin { model, root: self.prefix.clone(), prefix: prefix.to_owned() };
        Params { origin: Some(origin), ..self.clone() }
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

    /// The adapter that linear layers get, if any.
    #[must_use]
    pub fn lora(&self) -> Option<&LoraConfig> {
        static ADAPTER: OnceLock<Option<LoraConfig>> = OnceLock::new();
        // What the host writes is its own configuration.
        ADAPTER.get_or_init(|| host::adapter().and_then(|adapter| serde_json::from_str(&adapter).ok())).as_ref()
    }

    /// What adapters obey: the host.
    pub(super) fn adapter_switch(&self) -> AdapterSwitch {
        AdapterSwitch::default()
    }

    /// Says that there is a linear layer here, which an adapter may be on.
    pub(super) fn note_linear(&self) {
        host::note_linear(&self.prefix);
    }

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
        let shape = shape_to_wit(&spec.shape);
        let handle = match &self.origin {
            None => host::get(&name, &shape, init, self.trainable),
            Some(origin) => host::get_stored(&name, &shape, init, self.trainable, origin),
        };
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

/// Stored weights that the host has: a component can start parameters from them, and cannot read
/// them.
#[derive(Debug)]
pub struct HostWeights {
    /// The model's directory; nothing for the generator.
    model: Option<String>,
}

impl HostWeights {
    /// The generator's weights, if it has any.
    pub(crate) fn of_generator() -> Option<Arc<dyn WeightSource>> {
        host::has_stored().then(|| Arc::new(HostWeights { model: None }) as Arc<dyn WeightSource>)
    }

    /// The weights in the directory of a model, which a key of the component names.
    #[must_use]
    pub fn of_model(directory: &str) -> Arc<dyn WeightSource> {
        Arc::new(HostWeights { model: Some(directory.to_owned()) })
    }
}

impl WeightSource for HostWeights {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn spec(&self, _name: &str) -> Option<TensorSpec> {
        None
    }

    fn location(&self) -> String {
        self.model.clone().unwrap_or_default()
    }

    fn read(&self, name: &str) -> Result<TensorData> {
        Err(Error::Weights(format!("{name} is the host's, and a component cannot read it; it can start a parameter from it")))
    }
}
