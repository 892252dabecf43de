//! The imports of a component: the tensor and params interfaces, on tensors of the host.

use scaledown_sdk::autodiff::checkpoint_computed;
use scaledown_sdk::nn::{Init, Param, Params};
use scaledown_sdk::{Error, Result, Tensor, TensorData, TensorSpec};
use wasmtime::component::{Resource, ResourceTable};

use super::bindings::scaledown::plugin::tensor::{Dtype, Error as WitError};
use super::bindings::scaledown::plugin::{params, tensor};
use super::checkpoint::Segments;
use super::instructions;

/// The host's side of one instance: its handles, and where its parameters are made.
pub(super) struct Imports {
    pub(super) table: ResourceTable,
    pub(super) params: Params,
    /// Whether instructions are recorded; the component may switch that off.
    pub(super) recording: bool,
    /// Recomputes the component's checkpointed segments.
    pub(super) segments: Segments,
}

/// Either an error that the component hears of, or, outside, one that ends its call: a handle that
/// it does not own.
pub(super) type Answer<T> = wasmtime::Result<std::result::Result<T, WitError>>;

impl Imports {
    /// Gives the component a handle to what was computed, or tells it why it was not.
    fn hand_out(&mut self, result: Result<Tensor>) -> Answer<Resource<Tensor>> {
        match result {
            Ok(tensor) => Ok(Ok(self.table.push(tensor)?)),
            Err(error) => Ok(Err(refusal(&error))),
        }
    }
}

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
        let outputs = outputs.into_iter().map(|output| self.table.delete(output)).collect::<std::result::Result<Vec<_>, _>>()?;
        let segment = self.segments.segment(segment);
        let outputs = if self.recording {
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            checkpoint_computed(move |inputs| segment.run(inputs), &inputs, outputs)
        } else {
            outputs
        };
        Ok(Ok(outputs.into_iter().map(|output| self.table.push(output)).collect::<std::result::Result<_, _>>()?))
    }
}

impl tensor::HostTensor for Imports {
    fn from_bytes(&mut self, dtype: Dtype, shape: Vec<u64>, bytes: Vec<u8>) -> Answer<Resource<Tensor>> {
        let spec = TensorSpec::new(instructions::dtype(dtype), instructions::shape(&shape));
        let result = TensorData::new(spec, bytes).and_then(|data| self.params.device().upload(&data));
        self.hand_out(result)
    }

    fn to_bytes(&mut self, tensor: Resource<Tensor>) -> Answer<Vec<u8>> {
        let data = self.table.get(&tensor)?.to_data();
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
        Ok(self.table.push(detached)?)
    }

    fn share(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<Resource<Tensor>> {
        let shared = self.table.get(&tensor)?.clone();
        Ok(self.table.push(shared)?)
    }

    fn drop(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<()> {
        self.table.delete(tensor)?;
        Ok(())
    }
}

impl params::Host for Imports {
    fn get(&mut self, name: String, shape: Vec<u64>, init: params::Init, trainable: bool) -> Answer<Resource<Param>> {
        let init = match init {
            params::Init::Constant(value) => Init::Constant(value),
            params::Init::Normal(std) => Init::Normal(std),
            params::Init::Uniform(bound) => Init::Uniform(bound),
        };
        let params = if trainable { self.params.trained() } else { self.params.frozen() };
        match params.get(&name, instructions::shape(&shape), init) {
            Ok(param) => Ok(Ok(self.table.push(param)?)),
            Err(error) => Ok(Err(refusal(&error))),
        }
    }

    fn stored_dtype(&mut self) -> wasmtime::Result<Dtype> {
        instructions::dtype_to_wit(self.params.dtype())
    }
}

impl params::HostParameter for Imports {
    fn tensor(&mut self, parameter: Resource<Param>) -> wasmtime::Result<Resource<Tensor>> {
        let tensor = self.table.get(&parameter)?.tensor();
        Ok(self.table.push(tensor)?)
    }

    fn drop(&mut self, parameter: Resource<Param>) -> wasmtime::Result<()> {
        self.table.delete(parameter)?;
        Ok(())
    }
}

pub(super) fn refusal(error: &Error) -> WitError {
    match error {
        Error::Config(message) => WitError::Config(message.clone()),
        Error::Input(message) => WitError::Input(message.clone()),
        other => WitError::Failed(other.to_string()),
    }
}
