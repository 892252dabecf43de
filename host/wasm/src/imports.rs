//! What a component may call: the tensor and params interfaces, on tensors of the host.

use scaledown_sdk::nn::{Init, Param, Params};
use scaledown_sdk::{Error, Result, Tensor, TensorData, TensorSpec};
use wasmtime::component::{Resource, ResourceTable};

use super::bindings::scaledown::plugin::tensor::{Dtype, Error as WitError, Op, Shape};
use super::bindings::scaledown::plugin::{compression, params, tensor};
use super::instruction;

/// The host's side of one instance: its handles, and where its parameters are made.
pub(super) struct Imports {
    pub(super) table: ResourceTable,
    pub(super) params: Params,
}

/// Either an error that the component hears of, or, outside, one that ends its call: a handle that it does not own.
type Answer<T> = wasmtime::Result<std::result::Result<T, WitError>>;

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
    fn create(&mut self, op: Op) -> Answer<Resource<Tensor>> {
        let result = Tensor::create(instruction::op(op), self.params.device());
        self.hand_out(result)
    }

    fn apply(&mut self, op: Op, inputs: Vec<Resource<Tensor>>) -> Answer<Vec<Resource<Tensor>>> {
        let inputs = inputs.iter().map(|input| self.table.get(input)).collect::<std::result::Result<Vec<_>, _>>()?;
        match Tensor::apply(instruction::op(op), &inputs) {
            Ok(outputs) => {
                let handles = outputs.into_iter().map(|output| self.table.push(output));
                Ok(Ok(handles.collect::<std::result::Result<_, _>>()?))
            }
            Err(error) => Ok(Err(refusal(&error))),
        }
    }
}

impl tensor::HostTensor for Imports {
    fn from_bytes(&mut self, dtype: Dtype, shape: Shape, bytes: Vec<u8>) -> Answer<Resource<Tensor>> {
        let spec = TensorSpec::new(instruction::dtype(dtype), instruction::shape(&shape));
        let result = TensorData::new(spec, bytes).and_then(|data| self.params.device().upload(&data));
        self.hand_out(result)
    }

    fn to_bytes(&mut self, tensor: Resource<Tensor>) -> Answer<Vec<u8>> {
        let data = self.table.get(&tensor)?.to_data();
        Ok(data.map(|data| data.bytes().to_vec()).map_err(|error| refusal(&error)))
    }

    fn shape(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<Shape> {
        Ok(self.table.get(&tensor)?.dims().iter().map(|&extent| extent as u64).collect())
    }

    fn dtype(&mut self, tensor: Resource<Tensor>) -> wasmtime::Result<Dtype> {
        instruction::dtype_to_wit(self.table.get(&tensor)?.dtype())
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
    fn get(&mut self, name: String, shape: Shape, init: params::Init, trainable: bool) -> Answer<Resource<Param>> {
        let init = match init {
            params::Init::Constant(value) => Init::Constant(value),
            params::Init::Normal(std) => Init::Normal(std),
            params::Init::Uniform(bound) => Init::Uniform(bound),
        };
        let params = if trainable { self.params.trained() } else { self.params.frozen() };
        match params.get(&name, instruction::shape(&shape), init) {
            Ok(param) => Ok(Ok(self.table.push(param)?)),
            Err(error) => Ok(Err(refusal(&error))),
        }
    }

    fn stored_dtype(&mut self) -> wasmtime::Result<Dtype> {
        instruction::dtype_to_wit(self.params.dtype())
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

impl compression::Host for Imports {}

fn refusal(error: &Error) -> WitError {
    match error {
        Error::Config(message) => WitError::Config(message.clone()),
        Error::Input(message) => WitError::Input(message.clone()),
        other => WitError::Failed(other.to_string()),
    }
}
