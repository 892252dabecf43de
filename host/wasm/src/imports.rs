//! What a component may call of tensors and parameters, and what the host keeps for one instance.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use scaledown_sdk::autodiff::checkpoint_computed;
use scaledown_sdk::component::ChatTokenizer;
use scaledown_sdk::nn::safetensors::DirectoryWeights;
use scaledown_sdk::nn::{Init, Param, Params, WeightSource};
use scaledown_sdk::{DType, Error, Result, Tensor, TensorData, TensorSpec};
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::bindings::scaledown::plugin::tensor::Dtype;
use crate::bindings::scaledown::plugin::types::{self, Error as WitError};
use crate::bindings::scaledown::plugin::{params, tensor};
use crate::checkpoint::Segments;
use crate::guest::Setting;
use crate::instructions;
use crate::limiter::Meter;
use crate::plugin::Plugin;
use crate::services::random::Numbers;
use crate::wasi;

/// The host's side of one instance: its handles, where its parameters are made, and what it may do.
pub(crate) struct Imports {
    pub(crate) plugin: Plugin,
    pub(crate) setting: Setting,
    pub(crate) table: ResourceTable,
    /// Whether instructions are recorded; the component may switch that off.
    pub(crate) recording: bool,
    /// What runs the component's checkpointed segments again.
    pub(crate) segments: Segments,
    /// What it uses, against its limits.
    pub(crate) meter: Meter,
    /// When the present call is to be over.
    pub(crate) deadline: Instant,
    /// The message of a panic, which the component sent before it gave up.
    pub(crate) last_words: Option<String>,
    /// The numbers that it draws.
    pub(crate) numbers: Numbers,
    /// The tokenizers that the component has opened, by directory.
    pub(crate) tokenizers: BTreeMap<PathBuf, Arc<dyn ChatTokenizer>>,
    /// The stored weights of models that the component has asked for, by directory.
    weights: BTreeMap<PathBuf, Arc<dyn WeightSource>>,
    /// The names of the parameters that it was charged for.
    charged: BTreeSet<String>,
    wasi: WasiCtx,
}

/// Either an error that the component hears of, or, outside, one that ends its call: a handle that
/// it does not own.
pub(crate) type Answer<T> = wasmtime::Result<std::result::Result<T, WitError>>;

impl Imports {
    pub(crate) fn new(plugin: &Plugin, setting: &Setting) -> Self {
        let limits = &plugin.settings().limits;
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        Imports {
            plugin: plugin.clone(),
            setting: setting.clone(),
            table,
            recording: true,
            segments: Segments::default(),
            meter: Meter::new(limits.clone()),
            deadline: Instant::now(),
            last_words: None,
            numbers: Numbers::of(plugin.name()),
            tokenizers: BTreeMap::new(),
            weights: BTreeMap::new(),
            charged: BTreeSet::new(),
            wasi: wasi::context(plugin),
        }
    }

    /// What every call of the component starts with: recording is on, and it has its time.
    pub(crate) fn begin_call(&mut self) {
        self.recording = true;
        self.last_words = None;
        self.meter.begin_call();
        self.extend_deadline();
    }

    /// Gives the present call its whole time again: it has got something new to work on.
    pub(crate) fn extend_deadline(&mut self) {
        let now = Instant::now();
        // A time beyond what a clock can tell is never over.
        self.deadline = now
            .checked_add(self.plugin.settings().limits.call())
            .unwrap_or(now + std::time::Duration::from_secs(u32::MAX.into()));
    }

    /// Gives the component a handle.
    pub(crate) fn give(&mut self, tensor: Tensor) -> wasmtime::Result<Resource<Tensor>> {
        self.meter.charge(&tensor);
        Ok(self.table.push(tensor)?)
    }

    /// Takes what a handle names, and the handle.
    pub(crate) fn take(&mut self, handle: Resource<Tensor>) -> wasmtime::Result<Tensor> {
        let tensor = self.table.delete(handle)?;
        self.meter.discharge(&tensor);
        Ok(tensor)
    }

    /// Gives the component a handle to what was computed, or tells it why it was not.
    fn hand_out(&mut self, result: Result<Tensor>) -> Answer<Resource<Tensor>> {
        match result {
            Ok(tensor) => Ok(Ok(self.give(tensor)?)),
            Err(error) => Ok(Err(refusal(&error))),
        }
    }

    /// The parameters of the instance.
    pub(crate) fn own_params(&self) -> Result<&Params> {
        let params = self.setting.params.as_ref();
        params.ok_or_else(|| {
            Error::Input("a component has no tensors while it describes itself, and a corpus has none at all".into())
        })
    }

    /// The parameters of the instance, with gradients or without.
    fn params(&self, trainable: bool) -> Result<Params> {
        let params = self.own_params()?;
        Ok(if trainable { params.trained() } else { params.frozen() })
    }

    /// Hands out a parameter, whose value is charged when it is asked for.
    fn hand_out_parameter(&mut self, param: Result<Param>) -> Answer<Resource<Param>> {
        match param {
            Ok(param) => Ok(Ok(self.table.push(param)?)),
            Err(error) => Ok(Err(refusal(&error))),
        }
    }
}

impl WasiView for Imports {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl types::Host for Imports {}

impl tensor::Host for Imports {
    fn set_recording(&mut self, on: bool) -> wasmtime::Result<bool> {
        Ok(std::mem::replace(&mut self.recording, on))
    }

    fn checkpoint(
        &mut self,
        segment: u64,
        inputs: Vec<Resource<Tensor>>,
        outputs: Vec<Resource<Tensor>>,
    ) -> Answer<Vec<Resource<Tensor>>> {
        let inputs = inputs.iter().map(|input| self.table.get(input)).collect::<std::result::Result<Vec<_>, _>>()?;
        let inputs: Vec<Tensor> = inputs.into_iter().cloned().collect();
        let outputs = outputs.into_iter().map(|output| self.take(output)).collect::<wasmtime::Result<Vec<_>>>()?;
        let segment = self.segments.segment(segment);
        let outputs = if self.recording {
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            checkpoint_computed(move |inputs| segment.run(inputs), &inputs, outputs)
        } else {
            outputs
        };
        Ok(Ok(outputs.into_iter().map(|output| self.give(output)).collect::<wasmtime::Result<_>>()?))
    }
}

impl tensor::HostTensor for Imports {
    fn from_bytes(&mut self, dtype: Dtype, shape: Vec<u64>, bytes: Vec<u8>) -> Answer<Resource<Tensor>> {
        let spec = TensorSpec::new(instructions::dtype(dtype), instructions::shape(&shape));
        let room = self.meter.ask(std::slice::from_ref(&spec));
        let data = room.and_then(|()| TensorData::new(spec, bytes));
        let result = data.and_then(|data| self.own_params()?.device().upload(&data));
        self.hand_out(result)
    }

    fn to_bytes(&mut self, tensor: Resource<Tensor>) -> Answer<Vec<u8>> {
        let tensor = self.table.get(&tensor)?;
        let data = self.meter.ask_memory(tensor.spec()).and_then(|()| tensor.to_data());
        Ok(data.map(|data| data.bytes().to_vec()).map_err(|error| refusal(&error)))
    }

    fn shape(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<Vec<u64>> {
        Ok(self.table.get(&tensor)?.dims().iter().map(|&extent| extent as u64).collect())
    }

    fn dtype(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<Dtype> {
        instructions::dtype_to_wit(self.table.get(&tensor)?.dtype())
    }

    fn detach(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<Resource<Tensor>> {
        let detached = self.table.get(&tensor)?.detach();
        self.give(detached)
    }

    fn share(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<Resource<Tensor>> {
        let shared = self.table.get(&tensor)?.clone();
        self.give(shared)
    }

    fn drop(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<()> {
        self.take(tensor).map(drop)
    }
}

impl params::Host for Imports {
    fn get(&mut self, name: String, shape: Vec<u64>, init: params::Init, trainable: bool) -> Answer<Resource<Param>> {
        let param = self.room(&name, &shape).and_then(|shape| self.params(trainable)?.fresh().get(&name, shape, start(init)));
        self.hand_out_parameter(param)
    }

    fn has_stored(&mut self) -> wasmtime::Result<bool> {
        Ok(self.setting.stored.is_some())
    }

    fn get_stored(
        &mut self,
        name: String,
        shape: Vec<u64>,
        init: params::Init,
        trainable: bool,
        origin: params::Origin,
    ) -> Answer<Resource<Param>> {
        if self.setting.attached && origin.model.is_none() {
            let param = self.room(&name, &shape).and_then(|shape| self.params(trainable)?.get(&name, shape, start(init)));
            return self.hand_out_parameter(param);
        }
        let weights = match &origin.model {
            None => self.setting.stored.clone(),
            Some(model) => match self.weights_of(model) {
                Ok(weights) => Some(weights),
                Err(error) => return Ok(Err(error)),
            },
        };
        let Some(weights) = weights else {
            return self.get(name, shape, init, trainable);
        };
        let within = match origin.root.as_str() {
            "" => Some(name.as_str()),
            root => name.strip_prefix(root).and_then(|rest| rest.strip_prefix('.')),
        };
        let Some(within) = within else {
            let error = Error::Input(format!("the parameter {name} is not under {}, where stored weights begin", origin.root));
            return Ok(Err(refusal(&error)));
        };
        let param = self.room(&name, &shape).and_then(|shape| {
            let params = self.params(trainable)?;
            let scope = if origin.root.is_empty() { params } else { params.pp(&origin.root) };
            scope.initialised_from(weights, &origin.prefix).get(within, shape, start(init))
        });
        self.hand_out_parameter(param)
    }

    fn adapter(&mut self) -> wasmtime::Result<Option<String>> {
        let adapter = self.setting.params.as_ref().and_then(Params::lora);
        Ok(adapter.map(serde_json::to_string).transpose()?)
    }

    fn note_linear(&mut self, path: String) -> wasmtime::Result<()> {
        if let Some(params) = &self.setting.params {
            params.pp(path).note_linear();
        }
        Ok(())
    }

    fn adapters_on(&mut self) -> wasmtime::Result<bool> {
        Ok(self.setting.params.as_ref().is_none_or(Params::adapters_on))
    }

    fn stored_dtype(&mut self) -> wasmtime::Result<Dtype> {
        instructions::dtype_to_wit(self.setting.params.as_ref().map_or(DType::F32, Params::dtype))
    }
}

impl params::HostParameter for Imports {
    fn tensor(&mut self, parameter: Resource<Param>) -> wasmtime::Result<Resource<Tensor>> {
        let tensor = self.table.get(&parameter)?.tensor();
        self.give(tensor)
    }

    fn drop(&mut self, parameter: Resource<Param>) -> wasmtime::Result<()> {
        self.table.delete(parameter)?;
        Ok(())
    }
}

impl Imports {
    /// The stored weights of a model's directory, if the component may read it.
    fn weights_of(&mut self, model: &str) -> std::result::Result<Arc<dyn WeightSource>, WitError> {
        let directory = self.readable(model)?;
        if let Some(weights) = self.weights.get(&directory) {
            return Ok(Arc::clone(weights));
        }
        let weights: Arc<dyn WeightSource> = Arc::new(DirectoryWeights::open(&directory).map_err(|error| refusal(&error))?);
        self.weights.insert(directory, Arc::clone(&weights));
        Ok(weights)
    }

    /// The shape of a parameter, if there is room for it.
    fn room(&mut self, name: &str, shape: &[u64]) -> Result<scaledown_sdk::Shape> {
        let spec = TensorSpec::new(self.own_params()?.dtype(), instructions::shape(shape));
        self.meter.ask(std::slice::from_ref(&spec))?;
        // The host keeps a parameter, whatever the component does with its handle.
        if !self.charged.contains(name) {
            self.meter.charge_parameter(name, &spec)?;
            self.charged.insert(name.to_owned());
        }
        Ok(spec.shape)
    }
}

/// How a parameter starts.
fn start(init: params::Init) -> Init {
    match init {
        params::Init::Constant(value) => Init::Constant(value),
        params::Init::Normal(std) => Init::Normal(std),
        params::Init::Uniform(bound) => Init::Uniform(bound),
    }
}

/// An error as the component hears of it.
pub(crate) fn refusal(error: &Error) -> WitError {
    match error {
        Error::Config(message) => WitError::Config(message.clone()),
        Error::Input(message) => WitError::Input(message.clone()),
        other => WitError::Failed(other.to_string()),
    }
}
